"""The real servers that script/demo and the interop tests run: providers, proxies, `mlflow server`, a browser.

Everything listens on loopback, on ports chosen at start; a server is ended by the id of its own process group.
"""
