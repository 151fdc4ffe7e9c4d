"""A22: requests that no good program sends, for ``lint``."""

from __future__ import annotations

from functools import partial

from hostile.case import Case

DUPLICATE, NUMBER, NOT_A_NUMBER = ("ims-json-duplicate-key",), ("ims-json-number-too-large",), (
    "ims-json-not-a-number",)
DEEP, SYNTAX, ENCODING = ("ims-json-too-deep",), ("ims-json-syntax",), ("ims-json-encoding",)

BODIES: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "duplicate": ("a key twice", b'{"name": "a", "name": "b"}', DUPLICATE),
    "duplicate-escaped": ("a key twice, once escaped", b'{"name": "a", "n\\u0061me": "b"}', DUPLICATE),
    "duplicate-deep": ("a key twice, deep inside", b'{"a": [{"b": {"c": 1, "c": 2}}]}', DUPLICATE),
    "nan": ("NaN", b'{"min_disk": NaN}', NOT_A_NUMBER),
    "infinity": ("-Infinity", b'{"min_disk": -Infinity}', NOT_A_NUMBER),
    "huge-exponent": ("1e999", b'{"min_disk": 1e999}', NUMBER),
    "huge-integer": ("an integer of 5,000 digits (CVE-2020-10735)", b'{"min_disk": ' + b"9" * 5000 + b"}", NUMBER),
    "integer-64": ("2**64", b'{"min_disk": 18446744073709551616}', NUMBER),
    "depth-object": ("objects 100,000 deep", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, DEEP),
    "depth-array": ("arrays 100,000 deep", b"[" * 100_000 + b"]" * 100_000, DEEP),
    "depth-open": ("arrays 100,000 deep that never end", b"[" * 100_000, DEEP),
    "bom": ("a byte order mark", b'\xef\xbb\xbf{"name": "a"}', ("ims-json-byte-order-mark",)),
    "utf-16": ("UTF-16", '{"name": "a"}'.encode("utf-16"), ENCODING),
    "utf-32": ("UTF-32", '{"name": "a"}'.encode("utf-32-be"), ENCODING),
    "latin-1": ("Latin-1", b'{"name": "\xe9"}', ENCODING),
    "overlong": ("an overlong zero", b'{"name": "\xc0\x80"}', ENCODING),
    "surrogate": ("half of a surrogate pair", b'{"name": "\\ud800"}', ENCODING),
    "surrogate-key": ("half of a surrogate pair in a key", b'{"\\udfff": 1}', ENCODING),
    "zero": ("a zero in a string", b'{"name": "a\\u0000b"}', ("ims-name-characters",)),
    "control": ("a control character as such", b'{"name": "a\x1b[2J"}', SYNTAX),
    "control-key": ("escape sequences in a key", b'{"\\u001b[2J\\u0007": 1}', ("ims-property-not-a-string",)),
    "large": ("2 MiB", b'{"name": "' + b"x" * (2 << 20) + b'"}', ("ims-json-too-large",)),
    "many-keys": ("50,000 keys", b"{" + b",".join(b'"k%d": 1' % number for number in range(50_000)) + b"}",
                  ("ims-property-not-a-string",)),
    "long-string": ("a name of 1,000,000 characters", b'{"name": "' + b"x" * 1_000_000 + b'"}',
                    ("ims-name-too-long",)),
    "empty": ("nothing", b"", ("ims-json-empty",)),
    "null": ("null", b"null", ("ims-json-not-an-object",)),
    "array": ("an array", b"[]", ("ims-json-not-an-object",)),
    "cut": ("half a document", b'{"name": "a", "tags": [', SYNTAX),
    "two": ("two documents", b'{"name": "a"} {"name": "b"}', SYNTAX),
    "comments": ("comments and commas too many", b'{"name": "a", /* x */ }', SYNTAX),
    "quotes": ("single quotes", b"{'name': 'a'}", SYNTAX),
    "escape": ("an escape that there is not", b'{"name": "\\x41"}', SYNTAX),
    "image": ("a disk image", b"QFI\xfb\0\0\0\3" + bytes(4096), ()),
    "service-keys": ("keys of the service", b'{"name": "a", "__no_such": "/etc/passwd"}',
                     ("ims-service-key-unknown",)),
    "prototype": ("keys with a meaning elsewhere", b'{"__proto__": {"a": 1}, "constructor": 1, "name": "a"}', ()),
    "tag": ("a tag with two equals signs", b'{"name": "a", "tags": ["a=b=c"]}', ("ims-tag-second-equals",)),
    "github": ("a workflow command as name", b'{"name": "\\n::error::x"}', ("ims-name-characters",)),
    "commands": ("commands for GitHub, Azure and TeamCity as keys",
                 b'{"::error::x": "##vso[x]", "##teamcity[x": "##[x]", "name": "::set-env name=A::b"}',
                 ("ims-name-characters",)),
    "html": ("HTML as name", b'{"name": "<script>alert(1)</script>"}', ("ims-name-characters",)),
    "types": ("other types than those documented", b'{"name": {}, "tags": "x", "min_disk": [], "protected": 1}',
              ("ims-wrong-type",)),
    "escaped-deep-pointer": ("slashes and tildes in keys", b'{"a/b~c": {"~1": NaN}}', NOT_A_NUMBER),
}

CASES = [Case(f"{name}.json", "A22", what, partial(bytes, data), expect, request=True)
         for name, (what, data, expect) in BODIES.items()]
