"""The parts of bench/costs, a file each: measure(world) finds figures, rows() and section() say them."""
