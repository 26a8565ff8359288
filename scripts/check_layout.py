#!/usr/bin/env python3
"""Checks the layout rules of CONTRIBUTING.md that a program can check.

  check_layout.py [ROOT]        ROOT is the project's root; by default the one above this script

Prints one line a finding, `file:line: text`, and exits 1; or one line with counts, and exits 0.
"""
import os
import re
import sys

LADDER = ["kernels", "engine", "data", "model", "tools"]  # includes go from right to left
CODE_FOLDERS = LADDER + ["tests"]
CUDA = (".cu", ".cuh")
CPP = (".h", ".cpp") + CUDA
SOURCE = CPP + (".py", ".sh", ".cmake", "CMakeLists.txt")
TEXT = SOURCE + (".md", ".yml", ".json", "run", ".clang-tidy", ".clang-format")
MAX_LINES = 400
MAX_P90 = 32  # lines of a function's body
LAUNCH = "kernels/core/launch.cuh"
ASYNC = "kernels/core/async.cuh"  # has a stand-in where kernels run on the host

# Written so that this file does not find itself.
LEFTOVER = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
ABSOLUTE = re.compile(r"(?<![\w.:/$}~*!-])/(?:home|root|work|Users|opt|mnt|tmp|usr|var|srv)/[\w.]")
LONG_REASON = re.compile(r"layout: long because \w+")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)
BACKEND_SWITCH = re.compile(
    r"^[ \t]*#[ \t]*(?:el)?if(?:n?def)?\b[^\n]*?"
    r"(?:(?<![A-Za-z])(?:CUDA[A-Z]*|MPI|NCCL|ONEDNN)(?![A-Za-z])|<(?:cuda|mpi|nccl|dnnl|oneapi)\b)",
    re.M)
# What only ASYNC may write, so that every kernel also runs on the host.
ASSEMBLY = re.compile(r"\b(?:asm|__asm|__asm__)\b")
SHARED = re.compile(r"\b__shared__\b")
EXTERN_SHARED = re.compile(r"\bextern\s+__shared__\b")
COMMENT_OR_TEXT = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>\w*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<!\w)'(?:\\[^'\n]+|[^'\\\n])'", re.S)


def blank(text, keep_strings):
    """`text` with comments (and string literals) turned into spaces; offsets and lines stay."""
    def spaces(match):
        found = match.group(0)
        if keep_strings and not found.startswith("/"):
            return found
        return re.sub(r"[^\n]", " ", found)
    return COMMENT_OR_TEXT.sub(spaces, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


class File:
    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
            self.text = f.read()
        self.is_cpp = path.endswith(CPP)
        self.folder = os.path.dirname(path)
        self.top = path.split("/")[0] if "/" in path else ""
        self.lines = self.text.count("\n") + (not self.text.endswith("\n") and bool(self.text))
        self.code = blank(self.text, keep_strings=False) if self.is_cpp else self.text
        self.includes = []  # (line, is_quoted, what)
        if self.is_cpp:
            code = blank(self.text, keep_strings=True)
            self.includes = [(line_of(code, m.start(1)), m.group(1) == '"', m.group(2))
                             for m in INCLUDE.finditer(code)]


def read_tree(root):
    """Text files of the project by path; build trees and hidden folders are not the project's."""
    files = {}
    for folder, names, leaves in os.walk(root):
        names[:] = sorted(n for n in names
                          if n not in ("build", "__pycache__") and (n[0] != "." or n == ".ci"))
        for leaf in sorted(leaves):
            path = os.path.relpath(os.path.join(folder, leaf), root)
            if leaf.endswith(TEXT) and not path.startswith("tests/golden/"):
                files[path] = File(root, path)
    return files


def check_include(files, file, line, quoted, what):
    if not quoted:
        if what.split("/")[0] in CODE_FOLDERS and what in files:
            yield f'{file.path}:{line}: <{what}> is ours: write it with quotes'
        return
    if what not in files:
        beside = os.path.normpath(os.path.join(file.folder, what))
        hint = f' (write "{beside}")' if beside in files else ""
        yield f'{file.path}:{line}: include "{what}" is not written from the root{hint}'
        return
    top = what.split("/")[0]
    if file.top not in LADDER:
        return
    if top not in LADDER or LADDER.index(top) > LADDER.index(file.top):
        yield f"{file.path}:{line}: {file.top} must not include {what} ({' -> '.join(LADDER[::-1])})"


def check_includes(files):
    for file in files.values():
        for line, quoted, what in file.includes:
            yield from check_include(files, file, line, quoted, what)


def find_cycle(graph):
    """One cycle as a list of nodes, first == last, or None. graph: node -> set of nodes."""
    done, trail = set(), []

    def visit(node):
        if node in trail:
            return trail[trail.index(node):] + [node]
        if node in done:
            return None
        trail.append(node)
        for other in sorted(graph.get(node, ())):
            cycle = visit(other)
            if cycle:
                return cycle
        trail.pop()
        done.add(node)
        return None

    for node in sorted(graph):
        cycle = visit(node)
        if cycle:
            return cycle
    return None


def check_cycles(files):
    folders, headers = {}, {}
    for file in files.values():
        for _, quoted, what in file.includes:
            if not quoted or what not in files:
                continue
            headers.setdefault(file.path, set()).add(what)
            if file.top in LADDER and files[what].folder != file.folder:
                folders.setdefault(file.folder, set()).add(files[what].folder)
    for kind, graph in (("folders", folders), ("files", headers)):
        cycle = find_cycle(graph)
        if cycle:
            yield f"{cycle[0]}:1: {kind} include each other in a circle: {' -> '.join(cycle)}"


def check_length(files):
    for file in files.values():
        if file.path.endswith(SOURCE) and file.lines > MAX_LINES:
            if not LONG_REASON.search(file.text):
                yield (f"{file.path}:{file.lines}: {file.lines} lines, at most {MAX_LINES} without a "
                       "comment `layout: long because ...`")


def check_ops(files):
    """An op: a header right in kernels/ that declares functions taking a CpuStream."""
    for path, file in files.items():
        if file.folder != "kernels" or not path.endswith(".h") or "CpuStream" not in file.code:
            continue
        name = os.path.basename(path)[:-len(".h")]
        wanted = [f"kernels/{name}_cpu.cpp", f"kernels/{name}_cuda.cu", f"tests/kernels/{name}_test.cpp",
                  f"tests/reference/{name}_ref.h"]
        for other in wanted:
            if other not in files:
                yield f"{path}:1: the op {name} lacks {other}"


def check_cuda(files):
    """Rules that let the host's compiler read what nvcc reads, and a stand-in take the place of ASYNC."""
    for path, file in files.items():
        if not file.is_cpp:
            continue
        for m in re.finditer("<<<", file.code):
            yield f"{path}:{line_of(file.code, m.start())}: a launch with <<< (call launch() of {LAUNCH})"
        if not path.endswith(CUDA):
            continue
        if path != ASYNC:
            for m in ASSEMBLY.finditer(file.code):
                yield f"{path}:{line_of(file.code, m.start())}: assembly outside {ASYNC}"
        dynamic = {m.end() for m in EXTERN_SHARED.finditer(file.code)} if path == ASYNC else set()
        for m in SHARED.finditer(file.code):
            if m.end() not in dynamic:
                yield (f"{path}:{line_of(file.code, m.start())}: a shared variable; all shared memory is "
                       f"dynamic_shared() of {ASYNC}")


def check_backends(files):
    for path, file in files.items():
        if not file.is_cpp or path.endswith("_absent.cpp"):
            continue
        for m in BACKEND_SWITCH.finditer(file.code):
            line = line_of(file.code, m.start())
            if path.endswith(CUDA) and "__CUDA_ARCH__" in file.code.split("\n")[line - 1]:
                continue
            yield (f"{path}:{line}: a backend chosen by the preprocessor; "
                   "CMake chooses files instead (x_absent.cpp stands in for what a build lacks)")


def check_words(files):
    for path, file in files.items():
        for number, line in enumerate(file.text.split("\n"), 1):
            if LEFTOVER.search(line):
                yield f"{path}:{number}: a leftover note: do it, or open an issue"
            if ABSOLUTE.search(line):
                yield f"{path}:{number}: an absolute path of one machine"


def check_lists(files):
    """A source that no list names is never compiled, and a test that no list names never fails."""
    for path, file in files.items():
        if file.top not in CODE_FOLDERS or not path.endswith((".cpp", ".cu")):
            continue
        for folder in {file.top, file.folder}:
            listing = files.get(f"{folder}/CMakeLists.txt")
            name = path[len(folder) + 1:]
            if listing and re.search(rf"(?<![\w/.]){re.escape(name)}(?!\w)", listing.text):
                break
        else:
            yield f"{path}:1: not named in {file.top}/CMakeLists.txt"


SCOPE = re.compile(r"\b(?:namespace|struct|class|union|enum|extern)\b")
TEMPLATE_HEAD = re.compile(r"\btemplate\s*<[^<>]*(?:<[^<>]*>[^<>]*)*>")


def functions(file):
    """(line, lines of the body) of every function, by counting braces outside any function."""
    found, stack, head = [], [], 0  # stack: (is_function, line)
    for m in re.finditer(r"[{};]", file.code):
        inside = any(is_function for is_function, _ in stack)
        if m.group(0) == "{":
            text = TEMPLATE_HEAD.sub("", file.code[head:m.start()])
            is_function = not inside and "(" in text and not SCOPE.search(text.split("(")[0])
            stack.append((is_function, line_of(file.code, m.start())))
        elif m.group(0) == "}" and stack:
            is_function, line = stack.pop()
            if is_function:
                found.append((line, line_of(file.code, m.start()) - line + 1))
        head = m.end()
    return found


def measure_functions(files):
    """Ascending (lines, where) of the functions that are not tests."""
    return sorted((size, f"{file.path}:{line}") for file in files.values()
                  if file.is_cpp and file.top in LADDER for line, size in functions(file))


def p90(sizes):
    return sizes[max(0, -(-len(sizes) * 9 // 10) - 1)] if sizes else (0, "none")


def check_functions(files):
    size, where = p90(measure_functions(files))
    if size > MAX_P90:
        yield f"{where}: one function in ten is longer than {MAX_P90} lines (90th percentile: {size})"


def findings(files):
    for check in (check_includes, check_cycles, check_length, check_ops, check_cuda, check_backends,
                  check_words, check_lists, check_functions):
        yield from check(files)


def summary(files):
    source = [f for f in files.values() if f.path.endswith(SOURCE)]
    longest = max(source, key=lambda f: f.lines)
    sizes = measure_functions(files)
    return (f"layout ok: {len(source)} source files, {sum(f.lines for f in source)} lines, longest "
            f"{longest.path} ({longest.lines}); {len(sizes)} functions, 90th percentile "
            f"{p90(sizes)[0]} lines, longest {sizes[-1][0] if sizes else 0}")


def main(arguments):
    root = arguments[0] if arguments else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    files = read_tree(root)
    if not files:
        print(f"{root}: no source files")
        return 1
    found = sorted(set(findings(files)))
    for finding in found:
        print(finding)
    if not found:
        print(summary(files))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
