#!/usr/bin/env python3
"""Refuses forms of co_await that g++ 12 compiles wrongly: check-coroutines.py FILE...

g++ 12 destroys temporaries of a full expression that has a co_await twice or too early (GCC bugs 99576, 100611, 101367).
Allowed is a statement of its own whose operand is a call with named arguments:

    co_await f(a);    x = co_await f(a);    const T x = co_await f(a);    co_return co_await f(a);

An argument may be a name, a number, true or false, a member, an expression of those with + - * &, a call without
arguments, std::move(name), asio::buffer(...) or asio::redirect_error(...). Their results have no destructor.
Refused: a co_await in a condition, in an argument, in braces or beside another operator; a text, braces or a lambda in
the arguments; another call with arguments there.

Prints one line for each refused co_await. Exit code 1 if there is one.
"""
import re
import sys

TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\s]*)\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'"""
                   r"""|[A-Za-z_]\w*|\d(?:[\w.]|'\d)*|::|->|\+=|-=|==|!=|<=|>=|&&|\|\||\n|\S""", re.S)
NO_DESTRUCTOR = {"move", "buffer", "redirect_error"}
OPEN = {"(": ")", "[": "]", "{": "}"}


def tokens_of(text):
    """[(token, line)] without comments and preprocessor lines; a text is the token '"'."""
    text = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", "", text, flags=re.M)
    line, found = 1, []
    for match in TOKEN.finditer(text):
        token = match.group()
        if token != "\n" and not token.startswith(("//", "/*")):
            is_text = token.startswith(('"', 'R"')) or (token.startswith("'"))
            found.append(('"' if is_text else token, line))
        line += token.count("\n")
    return found


def prefix_problem(tokens, at):
    """What is wrong with the tokens before the co_await in its statement; None if nothing is."""
    before = []
    for i in range(at - 1, -1, -1):
        token = tokens[i][0]
        if token in (";", "{", "}", ")", ":", "else"):
            break
        if token in ("(", "[", ","):
            return "it stands in a condition or in an argument"
        if token in ("?", "&&", "||", "!", "+", "-", "return", "throw"):
            return "it stands beside another operator"
        before.insert(0, token)
    else:
        token = ";"
    if token == ":":
        for earlier in range(i - 1, -1, -1):
            if tokens[earlier][0] in (";", "{", "}"):
                break
            if tokens[earlier][0] == "?":
                return "it stands in a conditional expression"
    if not before or before == ["co_return"] or before[-1] in ("=", "+="):
        return None
    return "it is no statement of its own"


def argument_problem(tokens):
    """What is wrong with the tokens between the parentheses of a call; None if nothing is."""
    for i, (token, _) in enumerate(tokens):
        if token == '"':
            return "a text in its arguments becomes a temporary: name it first"
        if token in ("{", "}"):
            return "braces or a lambda in its arguments make a temporary: name it first"
        if token in ("?", "&&", "||", "==", "!="):
            return "a condition in its arguments: name it first"
        if token == "(" and i > 0 and tokens[i - 1][0] not in (",", "(", "*", "+", "-", "&"):
            if tokens[i + 1][0] != ")" and tokens[i - 1][0] not in NO_DESTRUCTOR:
                return f"the result of {tokens[i - 1][0]}(...) in its arguments is a temporary: name it first"
    return None


def operand_problem(tokens, at):
    """What is wrong with the tokens from the one after the co_await to the end of its statement; None if nothing is."""
    depth, angle_open, start = [], 0, None
    for i in range(at + 1, len(tokens)):
        token = tokens[i][0]
        if token in OPEN:
            if not depth and token == "{":
                return "braces make a temporary: name it first"
            if not depth:
                start = i
            depth.append(OPEN[token])
        elif token in (")", "]", "}"):
            if not depth or token != depth.pop():
                return "it is no statement of its own"
            if not depth:
                problem = argument_problem(tokens[start + 1:i])
                if problem:
                    return problem
                if tokens[i + 1][0] == ";":
                    return None if token == ")" else "its operand is no call"
        elif not depth and token == "<" :
            angle_open += 1
        elif not depth and token == ">":
            angle_open -= 1
        elif not depth and token == ";":
            return "its operand is no call"
        elif not depth and token in ("?", "&&", "||", "==", "!=", "+", "-") or (not depth and token == "," and not angle_open):
            return "it stands beside another operator"
    return "its statement has no end"


def problems_of(text):
    tokens = tokens_of(text)
    for at, (token, line) in enumerate(tokens):
        if token == "co_await":
            problem = prefix_problem(tokens, at) or operand_problem(tokens, at)
            if problem:
                yield line, problem


def main(paths):
    refused = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line, problem in problems_of(file.read()):
                print(f"{path}:{line}: co_await: {problem}")
                refused += 1
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
