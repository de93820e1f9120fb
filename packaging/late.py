"""Takes the relocations of libcurl's and OpenSSL's tables and data out of what the system's loader does when the program starts:
src/base/libraries.c does them when those libraries are first needed. An answer from the cache, for which they are not, is spared
some 80 pages, copied because addresses are written into them. The extension is left to the loader: its first call would take longer."""

import io
import struct
import sys

from elftools.elf.elffile import ELFFile

TABLES, DATA = "late_tables", "late_data"  # packaging/relocated_late.h
NOTE = "late_relocations"  # src/base/libraries.c
NOTED = struct.Struct("<IIII")  # where the tables are, and their end; where their relocations are, and how many
DT_RELASZ, DT_RELACOUNT = 8, 0x6FFFFFF9
RELATIVE = {"EM_X86_64": 8, "EM_AARCH64": 1027}  # R_*_RELATIVE
ENTRY = struct.Struct("<QQq")  # Elf64_Rela
LINE = struct.Struct("<QQ")  # Elf64_Dyn


class Image:
    """What of an ELF file this is about."""

    def __init__(self, data):
        elf = ELFFile(io.BytesIO(data))
        wanted = TABLES, DATA, NOTE, ".rela.dyn", ".dynamic"
        self.tables, self.data, self.note, self.relocations, self.dynamic = found = [elf.get_section_by_name(name) for name in wanted]
        if None in found or self.note["sh_size"] != NOTED.size:
            sys.exit(f"one of {', '.join(wanted)} is not there, or not as it should be")
        self.relative = RELATIVE[elf["e_machine"]]
        size = next(tag["d_val"] for tag in self.dynamic.iter_tags("DT_RELASZ"))
        start = self.relocations["sh_offset"]
        self.loaders = list(ENTRY.iter_unpack(data[start:start + size]))  # those that the loader is told of

    def is_late(self, entry):
        offset, kind, _ = entry
        return kind == self.relative and any(0 <= offset - part["sh_addr"] < part["sh_size"] for part in (self.tables, self.data))

    def note_down(self, done, at, count):
        tables = self.tables["sh_addr"]
        NOTED.pack_into(done, self.note["sh_offset"], tables, tables + self.tables["sh_size"], at, count)


def postpone(data):
    """The file, with the late relocations behind those that the loader is told of."""
    image = Image(data)
    done = bytearray(data)
    late = sorted(entry for entry in image.loaders if image.is_late(entry))
    early = [entry for entry in image.loaders if not image.is_late(entry)]
    early.sort(key=lambda entry: entry[1] != image.relative)  # DT_RELACOUNT: the relative ones come first
    start = image.relocations["sh_offset"]
    done[start:start + ENTRY.size * len(image.loaders)] = b"".join(ENTRY.pack(*entry) for entry in early + late)
    told = {DT_RELASZ: ENTRY.size * len(early), DT_RELACOUNT: sum(entry[1] == image.relative for entry in early)}
    for at in range(image.dynamic["sh_offset"], image.dynamic["sh_offset"] + image.dynamic["sh_size"], LINE.size):
        tag, _ = LINE.unpack_from(done, at)
        if tag in told:
            LINE.pack_into(done, at, tag, told[tag])
    image.note_down(done, image.relocations["sh_addr"] + told[DT_RELASZ], len(late))
    return bytes(done)


def leave(data):
    """The file, which learns where its tables are; the loader does all relocations."""
    done = bytearray(data)
    Image(data).note_down(done, 0, 0)
    return bytes(done)


def fault(data, postponed):
    """What is wrong with a finished file; None: each late relocation is done once, by whom it should."""
    image = Image(data)
    table, size = image.relocations, ENTRY.size * len(image.loaders)
    own = list(ENTRY.iter_unpack(data[table["sh_offset"] + size:table["sh_offset"] + table["sh_size"]]))
    left = sum(image.is_late(entry) for entry in image.loaders)
    most, none = (len(own), left) if postponed else (left, len(own))
    if most < 10_000 or none or not all(map(image.is_late, own)):
        return f"of {TABLES} and {DATA} the loader relocates {left}, the program {len(own)}"
    noted = bytearray(data)
    image.note_down(noted, table["sh_addr"] + size if postponed else 0, len(own))
    return None if noted == data else f"{NOTE} does not say where they are"
