"""--help, man page, completions, README and settings table say the same; completions work in real shells."""
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from program import PATH, USAGE
from world import PYTHON

README = Path(__file__).resolve().parents[2] / "README.md"
COMMON = {"--verbose", "--help"}


@pytest.fixture
def commands(program):
    """name -> (summary, options) as --help has them."""
    text = program("help").done()
    rows = re.search(r"\nCommands\n(.*?)\n\n", text, re.S)[1]
    found = {}
    for row in re.split(r"\n(?=  \S)", rows):
        name, summary = row.split(None, 1)
        found[name] = (" ".join(summary.split()), options_of(program(name, "--help").done()))
    return found


def options_of(help_text):
    return set(re.findall(r"^\s+(?:-\w, )?(--[\w-]+)", help_text.split("\nOptions\n")[1].split("\nExamples\n")[0], re.M))


def readme_rows():
    """(command, rest of its synopsis, summary) of README's table."""
    section = README.read_text().split("\n## The program\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)([^`]*)` \| ([^|]+) \|$", section, re.M)


def manual(program):
    """The man page without its formatting."""
    page = re.sub(r"\\f[BIR]", "", program("help", "--man").done())
    for escape, character in (("\\-", "-"), ("\\&", ""), ("\\(ti", "~"), ("\\(aq", "'"), ("\\e", "\\")):
        page = page.replace(escape, character)
    return page


def test_every_command_and_option_stands_in_help_man_page_and_readme_alike(program, commands):
    sections = re.split(r"^\.SH ", manual(program), flags=re.M)
    parts = re.split(r"^\.SS ", next(s for s in sections if s.startswith("COMMANDS")), flags=re.M)[1:]
    in_manual = {part.split("\n")[0]: set(re.findall(r"^(?:-\w, )?(--[\w-]+)(?: .*)?$", part, re.M)) for part in parts}
    assert in_manual == {name: options - COMMON for name, (_, options) in commands.items()}
    rows = readme_rows()
    assert [name for name, _, _ in rows] == list(commands)
    for name, synopsis, summary in rows:
        assert summary == commands[name][0]
        assert set(re.findall(r"--[\w-]+", synopsis)) == commands[name][1] - COMMON


def test_help_names_what_readme_says_of_values_and_operands(program, commands):
    for name, synopsis, _ in readme_rows():
        usage = program(name, "--help").stdout.splitlines()[0]
        operands = re.sub(r"\[--[^]]*\] ?|-- ", "", synopsis.replace("\\|", "|")).strip()
        assert usage.replace(" --", "") == f"Usage: mlflow-oidc {name} [OPTIONS]" + (f" {operands}" if operands else "")


def test_examples_are_the_same_in_help_and_man_page_and_name_what_there_is(program, commands):
    """Each is a line that a shell reads, of a command and options that are really there."""
    page = manual(program)
    found = 0
    for name, (_, options) in commands.items():
        shown = program(name, "--help").stdout.partition("\nExamples\n")[2]
        for line in shown.splitlines():
            assert re.search(rf"^{re.escape(line.strip())}$", page, re.M), line
            assert subprocess.run(["bash", "-n"], input=line, text=True).returncode == 0
            for command, words in re.findall(r"mlflow-oidc (\w+)((?: [^)|>]*)?)", line):
                assert command in commands and set(re.findall(r"(?<= )--\w[\w-]*", words)) <= commands[command][1], line
            assert f"mlflow-oidc {name}" in line
            found += 1
    assert found > 10


def test_settings_stand_in_man_page_readme_and_config_alike(world, program):
    world.robot()
    (shown,) = program("config", "--json").json
    in_config = [(value["variable"], key) for key, value in shown["settings"].items()]
    rows = re.findall(r"^\| `(MLFLOW_TRACKING_[A-Z_]+)` \| `([a-z-]+)` \| ([^|]+) \| ([^|]+) \|$", README.read_text(), re.M)
    in_readme = [tuple(cell.replace("`", "") for cell in row) for row in rows]
    page = manual(program).replace("\n", " ")
    found = re.findall(r"\.TP (MLFLOW_TRACKING_[A-Z_]+) (.*?) \(key ([a-z-]+); default: (.*?)\) (?=\.)", page)
    in_manual = [(variable, key, default, meaning) for variable, meaning, key, default in found]
    assert in_readme == in_manual
    assert in_config == [(variable, key) for variable, key, _, _ in in_manual]


def test_exit_statuses_of_the_man_page_are_those_of_the_readme(program):
    page = re.search(r"\.SH EXIT STATUS\n(.*?)\.SH", manual(program), re.S)[1]
    statuses = set(re.findall(r"\.TP\n(\d)\n", page))
    assert statuses == {"0", *re.findall(r"^\| `\w+` \| `\w+` \| (\d) \|", README.read_text(), re.M)}


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not there: script/bootstrap test")
def test_the_man_page_is_proper(program, tmp_path):
    page = tmp_path / "mlflow-oidc.1"
    page.write_text(program("help", "--man").done())
    found = subprocess.run(["mandoc", "-Tlint", "-Wwarning", str(page)], capture_output=True, text=True).stdout
    assert [line for line in found.splitlines() if "missing date" not in line] == []
    assert "Exit status" not in found and page.stat().st_size > 5000


@pytest.mark.skipif(bool(os.environ.get("MOIDC_TEST_PROGRAM")), reason="the program under test is not an installed one")
def test_the_package_brings_the_program_and_its_man_page(program):
    page = Path(PYTHON).parent.parent / "share/man/man1/mlflow-oidc.1"
    assert page.read_text() == program("help", "--man").done()
    assert Path(PATH).read_bytes()[:4] == b"\x7fELF"  # no script that starts Python


def test_what_is_asked_of_no_shell_is_a_usage_error(program):
    for arguments in ([], ["tcsh"], ["bash", "zsh"]):
        program("completion", *arguments).failed(USAGE)


# --- real shells ---
def candidates_of_bash(program, line):
    words = line.split(" ")
    script = ("source <(\"$1\" completion bash); complete -p mlflow-oidc >/dev/null || exit 1; shift; COMP_WORDS=(\"$@\"); "
              "COMP_CWORD=$(($# - 1)); _mlflow_oidc; printf '%s\\n' \"${COMPREPLY[@]}\"")
    done = subprocess.run(["bash", "--norc", "-c", script, "sh", PATH, *words], env=program.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def candidates_of_fish(program, line):
    script = '"$argv[1]" completion fish | source; complete -C "$argv[2]"'
    done = subprocess.run(["fish", "--no-config", "-c", script, PATH, line], env=program.environment(), capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return {row.split("\t")[0] for row in done.stdout.splitlines()}


@pytest.mark.parametrize("shell", [
    pytest.param(candidates_of_bash, id="bash"),
    pytest.param(candidates_of_fish, id="fish",
                 marks=pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not there: script/bootstrap test"))])
def test_commands_and_options_are_completed(program, commands, shell):
    assert shell(program, "mlflow-oidc lo") == {"login", "logout"}
    assert shell(program, "mlflow-oidc ") >= set(commands)
    for name, (_, options) in commands.items():
        found = {word.rstrip("=") for word in shell(program, f"mlflow-oidc {name} --")}
        assert found >= options and (name in ("exec", "completion", "help") or found == options), (name, found)
    assert shell(program, "mlflow-oidc completion ") >= {"bash", "zsh", "fish"}
    assert shell(program, "mlflow-oidc help tok") == {"token"}


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not there: script/bootstrap test")
def test_zsh_completes_commands_and_options(world, program):
    environment = {"TERM": "dumb", "HOME": str(world.home), "PATH": f"{Path(PATH).parent}:/usr/bin:/bin", "PS1": "ready> "}
    with program.terminal_of(["/usr/bin/zsh", "-f", "-i"], environment, columns=200) as terminal:
        terminal.expect("ready> ")
        terminal.type(f"autoload -Uz compinit && compinit -u -d {world.folder}/dump && source <(mlflow-oidc completion zsh) && echo loa''ded\n")
        terminal.expect("loaded")
        terminal.type("mlflow-oidc stat\t")
        terminal.expect("mlflow-oidc status")
        terminal.type("--onl\t")
        terminal.expect("status +--online")
        terminal.type("\x15mlflow-oidc completion f\t")
        terminal.expect("completion +fish")
        terminal.type("\x15mlflow-oidc exec --pr\t")
        terminal.expect("exec +--proxy")
