#!/usr/bin/env python3
"""What transformers makes of small templates, as it runs chat templates: every operator, filter,
test, method and statement of the language, with values of every kind.

    jinja_golden.py FOLDER [--all]

writes FOLDER/variables.json, what the templates are told, and FOLDER/language.jsonl, a line
[template, text] each, or [template, null] where it raises. testdata/golden/jinja was made without
--all, which writes all pairs of values and operations; unit_tokenizer reads another folder when
LATHE_GOLDEN_JINJA names one:

    jinja_golden.py /tmp/golden --all
    LATHE_GOLDEN_JINJA=/tmp/golden build/tests/unit_tokenizer --gtest_filter='JinjaGolden*'

Needs the Python packages transformers and jinja2; nothing else in this project does.
"""
import argparse
import datetime
import json
import pathlib
import re

from transformers.utils import chat_template_utils

VARIABLES = {
    "n": None, "i": 7, "z": 0, "neg": -3, "f": 2.5, "big": 1e16, "tiny": 1e-5, "t": True,
    "fa": False, "s": "Hello World", "e": "", "u": "Straße ŉ ǆ ΣΑΣ İ", "l": [3, 1, 2],
    "ls": ["b", "A", "c"], "el": [], "d": {"a": 1, "b": {"c": [1, 2]}}, "ed": {},
    "m": [{"role": "user", "content": "hi", "n": 2}, {"role": "assistant", "content": "yo", "n": 1},
          {"role": "user", "content": "x", "n": 3}],
    "q": "it's \"q\"", "nl": "a\nb\r\nc\n\nd", "html": "<b>&'\"", "num": "42", "nump": " 3.7 ",
    "mixed": [1, "a", None, True, 2.0, [1], {"k": "v"}], "items": {"items": 1, "get": 2},
}

VALUES = [
    'n', 'i', 'z', 'neg', 'f', 'big', 'tiny', 't', 'fa', 's', 'e', 'u', 'l', 'ls', 'el', 'd', 'ed', 'q', 'nl', 'html',
    'num', 'nump', 'mixed', 'undef', 'items', '(1,)', '()', '(1,2)', 'range(3)', 'd.items()', 'd.keys()',
    'd.values()', '1.0', '100000000000000000.0', '-0.0', 'namespace(a=1)',
]

FILTERS = [
    'abs', 'capitalize', 'center(15)', 'count', 'd', "d('x')", "d('x',true)", "default('y', boolean=True)",
    'dictsort', 'escape', 'e', 'first', 'float', 'float(9)', 'forceescape', 'format', 'indent', 'indent(2)',
    'indent(2,true)', "indent('>',true,true)", 'indent(width=3,blank=true)', 'int', 'int(5)', 'int(default=-1)',
    'items|list', 'join', "join(',')", "join('|')", 'last', 'length', 'list', 'lower', "map('string')|list",
    "map('upper')|join", "map(attribute='a')|list", "map(attribute='a',default='z')|list", 'max', 'min',
    'reject|list', "rejectattr('a')|list", "replace('l','L')", "replace('l','L',1)", "replace('','-')",
    'reverse|list', 'reverse', 'round', 'round(1)', "round(method='floor')", "round(1,'ceil')", 'round(-1)', 'safe',
    'select|list', "selectattr('a')|list", "select('string')|list", "select('number')|list", "select('odd')|list",
    'slice(2)|list', "slice(2,'x')|list", 'sort', 'sort(reverse=true)', 'sort(case_sensitive=true)', 'batch(2)|list',
    "batch(2,'-')|list", 'string', 'sum', 'title', 'trim', "trim('H d')", 'truncate(8)', 'truncate(8,true)',
    "truncate(5,false,'..',0)", 'unique|list', 'upper', 'urlencode', 'wordcount', 'tojson', 'tojson(indent=2)',
    'tojson(ensure_ascii=true)', "tojson(separators=(',',':'))", 'tojson(sort_keys=true)',
    "tojson(indent=1,separators=(', ',' = '))", "attr('a')", "attr('upper')|string|length > 0", "groupby('a')",
    'first|upper', 'last|string', 'list|tojson', 'list|length', 'string|length', 'items|list|tojson',
]

TESTS = [
    'defined', 'undefined', 'none', 'string', 'mapping', 'sequence', 'iterable', 'boolean', 'true', 'false',
    'integer', 'float', 'number', 'callable', 'odd', 'even', 'divisibleby(3)', 'divisibleby 3', 'upper', 'lower',
    'sameas(none)', 'sameas true', "in([1,7,'a'])", "in 'Hello World'", 'eq 7', "equalto('x')", 'ne(7)', 'lt(8)',
    'le 7', 'gt 3', 'ge 3.0', 'escaped', 'filter', 'test',
]

OPERATORS = [
    '+', '-', '*', '/', '//', '%', '**', '==', '!=', '<', '<=', '>', '>=', 'in', 'not in', 'and', 'or', '~',
]

OPERANDS = [
    'n', 'i', 'z', 'neg', 'f', 't', 's', 'e', 'l', 'el', 'd', 'undef', "'%s'", "'%d-%s'", '(1,2)', '(1,)', '2', "'o'",
    "'a'|safe", '3', '-2', '1.0', '[1]', 'big', '0.0',
]

STRING_METHODS = [
    'upper()', 'lower()', 'title()', 'capitalize()', 'swapcase()', 'strip()', "strip('Ha')", 'lstrip()',
    "rstrip('d')", 'split()', "split(' ')", "split('l')", "split('l',1)", 'split(None,1)', 'split(maxsplit=1)',
    "split(sep='o',maxsplit=1)", "rsplit('l',1)", 'rsplit()', 'rsplit(None,1)', 'splitlines()', 'splitlines(true)',
    "partition('o')", "rpartition('o')", "partition('q')", "rpartition('q')", "startswith('He')",
    "startswith(('x','H'))", "endswith('d')", 'endswith(())', "startswith('e',1)", "startswith('',99)", "find('o')",
    "find('o',5)", "find('o',-3)", "find('z')", "rfind('o')", "rfind('o',0,6)", "index('o')", "index('z')",
    "rindex('o')", "count('l')", "count('')", "count('l',3,5)", "replace('l','')", "replace('l','L',1)",
    "replace('','.')", "replace('','.',3)", 'isalpha()', 'isdigit()', 'isalnum()', 'isupper()', 'islower()',
    'istitle()', 'isspace()', 'isdecimal()', 'isidentifier()', 'isascii()', 'isprintable()', 'center(20)',
    "center(21,'*')", 'center(5)', 'ljust(15)', "ljust(15,'.')", 'rjust(15)', 'zfill(15)', 'expandtabs()',
    'expandtabs(4)', "join(['a','b'])", "join('xy')", 'join([1])', 'join(d)', 'format()', "removeprefix('He')",
    "removesuffix('ld')", 'nosuch()', 'upper', '__len__()', 'upper(1)', 'encode()', 'casefold()', 'strip(1)',
    "split('')", 'join()',
]

FORMATS = [
    "'%s'|format(1)", "'%5d|%-5d|%05d|%+d'|format(1,2,3,4)", "'%.2f %e %g'|format(1.234,12345.678,0.0001)",
    "'%x %X %o %#x'|format(255,255,8,255)", "'%r %s'|format('a','a')", "'%(a)s'|format(a=1)", "'%%'|format()",
    "'%c%c'|format(65,'b')", "'%5s|%-5s|%.2s'|format('a','b','cde')", "'%d'|format(3.7)", "'%d'|format('3')",
    "'%s %s'|format(1)", "'%s'|format(1,2)", "'%*d'|format(5,3)", "'%q'|format(1)", "'%'|format()", "'% d'|format(5)",
    "'%s' % [1,2]", "'%s' % ((1,2),)", "'%s-%s' % (1,2)", "'%(a)d' % {'a':5}", "'x' % {}", "'x' % []", "'x' % 1",
    "'%i %u'|format(1,2)", "'%08.3f'|format(3.14159)", "'%+.1e'|format(12345)", "'%.0f'|format(0.5)",
    "'%.3d'|format(5)", "'%f'|format('x')", "'%g'|format(1e20)", "'%G'|format(1e-10)", "'%.10g'|format(0.1)",
    "'%#o'|format(8)", "'%-08d|'|format(5)", "'%s'|format(none)", "'%5.1f%%'|format(99.55)", "'{}'.format(1)",
    "'{} {}'.format(1,2)", "'{1} {0}'.format(1,2)", "'{a}'.format(a=1)", "'{0.a}'.format(d)", "'{0[a]}'.format(d)",
    "'{0[0]}'.format(l)", "'{:5}|{:<5}|{:>5}|{:^5}'.format(1,2,3,4)", "'{:5}|'.format('a')", "'{:05d}'.format(42)",
    "'{:+d} {: d}'.format(1,2)", "'{:,}'.format(1234567)", "'{:_}'.format(1234567)", "'{:.2f}'.format(3.14159)",
    "'{:10.3f}|'.format(3.14159)", "'{:e}'.format(12345.678)", "'{:g} {:g}'.format(0.00001,1e20)",
    "'{:%}'.format(0.5)", "'{:.1%}'.format(0.123)", "'{:x} {:X} {:o} {:b}'.format(255,255,8,5)",
    "'{:#x} {:#b}'.format(255,5)", "'{:c}'.format(65)", "'{!r}'.format('a')", "'{!s:>5}'.format('a')",
    "'{:*^9}'.format('mid')", "'{:.3}'.format('abcdef')", "'{:.3}'.format(3.14159)", "'{:.3}'.format(1000.0)",
    "'{:.4}'.format(1000.0)", "'{:.5}'.format(1000.0)", "'{:.2}'.format(0.00001234)", "'{{}}'.format()",
    "'{'.format()", "'}'.format()", "'{}'.format()", "'{0} {}'.format(1,2)", "'{:{}}|'.format('a',5)",
    "'{:{w}}|'.format('a',w=5)", "'{:d}'.format('a')", "'{:d}'.format(1.5)", "'{:s}'.format(1)",
    "'{:5}'.format(none)", "'{}'.format(none)", "'{:5}'.format(true)", "'{}'.format(true)", "'{:d}'.format(true)",
    "'{}'.format(l)", "'{:=+8}'.format(5)", "'{:08.2f}'.format(-3.14159)", "'{:<08}'.format(5)",
    "'{:,.2f}'.format(1234567.891)", "'{:n}'.format(5)", "'{:.0f}'.format(2.5)", "'{:f}'.format(1)",
    "'{:z}'.format(1)", "'{!x}'.format(1)", "'{a.b}'.format(a=1)", "'{a[b}'.format(a=1)", "'{:é>5}'.format('x')",
    "'{:e}'.format(0)", "'{:g}'.format(100000)", "'{:g}'.format(1000000)", "'{:.3g}'.format(1234)",
    "'{:#.3g}'.format(1)", "'{:G}'.format(1e-7)", "'{:,}'.format(1234.5)", "'{:06,}'.format(1234)",
]

EXPRESSIONS = [
    '1+2*3', '2**3**2', '-2**2', '2**-1', '7//2', '-7//2', '7%3', '-7%3', '7%-3', '7.5//2', '-7.5%2', '7/2', '1/0',
    '1%0', '1//0', '0**-1', '1.5**2', '(-8)**0.5', '10**18', '10**19', '9223372036854775807', '9223372036854775807+1',
    "'a' 'b'", '\'a\'"b"', '1_000', '0x1F', '0o17', '0b101', '1e3', '1.5e-3', '1E5', '1_0.5', '007', '00', '1.',
    'a.1', '[1,2,][1]', '[1,,2]', "{'a':1,}", "{1:2,'1':3}", "{1:'a',1.0:'b',true:'c'}", '{[1]:2}', '{(1,2):3}',
    '(1)', '(1,)', '()', '1,2', '1,', '[]', '[[1,2],[3]]', "'\\n\\t\\x41\\u00e9\\U0001F600\\101\\q'", "'\\''",
    '"\\""', "'a\\\nb'", "'\\x4'", "'\\ud83d'", "'\\N{DASH}'", 'true and 1', "none or 'x'", '0 or none',
    '1 and 2 or 3', 'not true == false', '1 < 2 < 3', '1 < 3 < 2', '1 == 1.0', 'true == 1', "'a' < 'b'",
    '[1,2] < [1,3]', '(1,2) == [1,2]', '[1]==[1.0]', "{'a':1}=={'a':1.0}", 'none == false', 'undef == undef2',
    'undef is undefined', 'undef.x', "undef['x']", 'undef()', 'undef+1', '1+undef', 'undef|length', 'undef in l',
    '1 in undef', "'x' in 'xyz'", "'' in 'a'", "1 in 'a'", 'none in l', "'a' in d", '[1] in d', '2 in range(3)',
    "'a' if false", "('a' if false) is defined", "'a' if true else 'b' if true else 'c'", '1 if 0 else 2 if 0 else 3',
    's|upper|lower', "s|upper ~ 'x'", '-1|abs', '-1.5|abs', '(-1)|abs', '1+-1|abs', 's[0]', 's[-1]', 's[99]',
    's[1:3]', 's[::2]', 's[::-1]', 's[5:1:-2]', 's[-3:]', 's[:-3]', 's[1:99]', "s['a']", 'u[0:4]', 'u[-2:]', 'l[0]',
    'l[9]', 'l[-1]', "l['0']", 'l.0', 'l[1:]', 'l[::-1]', 'l[::0]', "l['a':]", 'l[true]', 'l[1.0]', "d['a']", 'd.a',
    'd.b.c.0', "d['b']['c']", 'd[0]', 'd[none]', 'd[undef]', 'n.x', "n['x']", 'n[0]', 'i.x', 'i[0]', 'f.real', 't.x',
    'range(5)|list', 'range(1,5)|list', 'range(5,1,-2)|list', 'range(0)|list', 'range(1,2,0)', 'range(100001)',
    'range(99999)|length', "range('a')", 'range(5)[1]', 'range(5)[-1]', 'range(5)[9]', 'range(5)', 'range(1,9,2)',
    'range(5)|last', 'range()', 'dict(a=1)', "dict({'a':1},b=2)", "dict([['a',1]])", "dict([('a',1),('b',2)])",
    "dict.fromkeys(['a'])", 'dict(1)', 'namespace(a=1).a', "namespace({'a':2}).a", 'namespace().x', 'namespace(_x=1)',
    "namespace(a=1)['a']", "cycler('a','b').next()", "cycler('a').current", 'joiner()()', "joiner('x')",
    'lipsum is defined', 'range is callable', "raise_exception('no')", 'raise_exception()',
    "strftime_now('%d %b %Y')", "strftime_now('')", "strftime_now('%Y-%m-%d %H:%M:%S %A %B %j %-d')",
    'strftime_now()', 'loop', 'loop.index', 'self', 'caller', 'varargs', 'messages', 's is string and n is none',
    'not s is string', 's is not string', 'n is none or x', 'i is divisibleby 7', 'i is divisibleby(7)', 'i is eq 7',
    'i is in [7]', 'i is not in [7]', "'x' is in 'xyz'", 'i is defined is true', 'i is gt 3 and i is lt 9',
    's is nosuch', 's|nosuch', 's|upper()', "s|replace('o','0')|upper", "s | default('x') | length",
    "m|map(attribute='role')|join(',')", "m|selectattr('role','equalto','user')|list|length",
    "m|selectattr('role','eq','user')|map(attribute='content')|join('-')", "m|rejectattr('role','==','user')|list",
    "m|selectattr('nosuch')|list", "m|selectattr('nosuch','defined')|list", "m|groupby('role')",
    "m|groupby('role')|map('first')|list", "m|groupby('role')|map(attribute='list')|map('length')|list",
    "m|sort(attribute='n')|map(attribute='n')|list", "m|sort(attribute='role,n')|map(attribute='n')|list",
    "m|sort(attribute='n',reverse=true)|map(attribute='n')|list", "m|map(attribute='n')|sum", "m|sum(attribute='n')",
    "m|sum('n',10)", "m|max(attribute='n')", "m|min(attribute='n')",
    "m|unique(attribute='role')|map(attribute='n')|list", "m|map('length')|list", "m|map('nosuch')|list",
    'm|map()|list', "m|join(',',attribute='role')", "m|join(attribute='role')", "m|map(attribute='content.0')|list",
    'm|last', 'm|first', 'm[-1].role', "m[0]['role']", "ls|map('lower')|sort|join", 'ls|sort', 'ls|sort(true)',
    'ls|sort(case_sensitive=true)', 'ls|max', 'ls|min(case_sensitive=true)', "mixed|map('string')|list",
    "mixed|select('string')|list", "mixed|reject('none')|list", "mixed|select('mapping')|list", 'mixed|tojson',
    'mixed|sort', '[3,1]|sort|first', 'd|dictsort', "{'b':1,'A':2}|dictsort", "{'b':1,'A':2}|dictsort(true)",
    "{'b':1,'A':2}|dictsort(false,'value')", "{'b':1,'A':2}|dictsort(by='value',reverse=true)",
    "{'b':1}|dictsort(by='x')", "{'b':1,1:2}|dictsort", "{'b':2,'a':1}|tojson(sort_keys=true)",
    '{1:2,none:3,true:4,1.5:5}|tojson', '{(1,2):3}|tojson', '(1,2)|tojson', "'é\\u2028<>&'|tojson",
    "'\xe9\U0001f600'|tojson(ensure_ascii=true)", "'\\x7f\\x01'|tojson", '1e100|tojson', '1e16|tojson', '0.1|tojson',
    'undef|tojson', 'range(3)|tojson', "m|map(attribute='n')|tojson", 'd|tojson(4)', 'd|tojson(true)',
    "d|tojson(indent='--')", 'd|tojson(indent=0)', 'd|tojson(indent=-1)', '[]|tojson(indent=2)',
    '[[],{}]|tojson(indent=2)', 'd|tojson(separators=[1,2])', "d|tojson(separators=',')", "d|tojson(separators=',:')",
    'd|pprint is defined', 'html|e', 'html|safe', 'html|safe|e', 'html|e|e', 'html|forceescape', 'html|safe + html',
    'html + html|safe', 'html|safe ~ html', '(html|safe)[0]', '(html|safe)|upper', "html|safe|replace('<','>')",
    "(html|safe).replace('b','<')", '(html|safe)|length', 'html|safe|string', 'html|escape|string is escaped',
    '[html|safe]', 'html|safe|trim', "('a'|safe) * 2", "'a'|safe == 'a'", 'html|safe in html', "html|safe|join('<')",
    "['<']|join('>'|safe)", "'%s'|safe|format('<')", "('<'|safe).join(['>'])", 'nl|indent', 'nl|indent(4,true)',
    'nl|indent(first=true,width=1)', 'nl|indent(2,blank=true)', "''|indent(2,true)", "'a\\n'|indent(2)",
    "'\\n'|indent(2,true,true)", 'nl.splitlines()', 'nl|wordcount', "'a,b;c'|title", "'foo-bar (baz) x<y'|title",
    "'ÉCOLE été'|title", 'u|upper', 'u|lower', 'u|title', 'u|capitalize', 'u.title()', 'u.swapcase()',
    "'\ufb01 \xdf'|upper", "'\u0391\u03a3.'|lower", '2.5|round', '3.5|round', '2.675|round(2)', '1234|round(-2)',
    '1250|round(-2)', '1350|round(-2)', '1e20|round', "2.4|round(0,'ceil')", "2.45|round(1,'floor')", '7|round(1)',
    "7|round(1,'ceil')", "7|round(method='x')", "'a'|round", "'12'|int", "'12.9'|int", "'0x1f'|int(0,16)",
    "'0x1f'|int", "'z'|int(9)", "'1_000'|int", "' 12 '|int", "'\u0661\u0662'|int", 'none|int', 'none|int(3)',
    '[]|int', 'true|int', '2.9|int', "'1e3'|int", "'inf'|int", "'nan'|float", "'1e3'|float", "'x'|float(2.5)",
    'none|float', '1|float', "'1_0.5'|float", '1e16', '1e15', '123456789012345680.0', '0.0001', '0.00001', '1.0',
    '-0.0', '1e22', '1.7976931348623157e308', '5e-324', '1e400', '100|string', '1.50|string', "'a'*3", "3*'a'",
    "'a'*-1", '[1]*2', '(1,)*2', "'a'*1.0", '[1]+[2]', '(1,)+(2,)', '[1]+(2,)', "'a'+1", "1+'a'", "'a'+none",
    "'a'~none~1~true", 'l~d', '1~2', 'true+true', 'true*2.0', '-true', '+true', 'not 1', "-'a'", 's.upper',
    's.upper()', 's.nosuch', 's.nosuch()', '(1,2)|first', "'abc'|first", "'abc'|last", "'abc'|list", "'abc'|reverse",
    'd|list', 'd|first', 'd|last', 'd|length', 'd|reverse|list', 'd.keys()|first', 'd.items()|last',
    'd.values()|length', 'd.keys()[0]', 'd.items()[0]', "'a' in d.keys()", "('a',1) in d.items()", 'd.keys()|sort',
    'd|items|list', 'd|items|first', 'none|items|list', 'none|list', 'none|join', 'none|length', 'none|first',
    'none|upper', 'none|trim', "none|default('x')", "none|default('x',true)", 'none|string', '5|length', '5|list',
    '5|upper', '5|join', '5|trim', "5|replace('5','6')", '5.5|string|length', 'true|upper', "[1,2]|join(', ')",
    "['a',none,1]|join('-')", "'abc'|join('-')", "d|join('-')", 'l|batch(2)|list', 'l|batch(2,0)|list',
    'l|batch(0)|list', 'l|slice(2)|list', 'l|slice(2,0)|list', 'l|slice(0)|list', 'l|slice(5)|list', 'l|batch(2)',
    "'abc'|batch(2)|list", 's|truncate(5)', 's|truncate(6)', 's|truncate(5,leeway=0)', 's|truncate(8,leeway=0)',
    's|truncate(5,true,leeway=0)', 's|truncate(2)', "'x'|center", "'x'|center(5)", 's|wordcount', 's|urlencode',
    'u|urlencode', "'a b/c?d=é'|urlencode", "{'a':1}|urlencode is defined", "s|attr('upper')()", "d|attr('a')",
    "d|attr('items')() |list", 's|filesizeformat is defined', '1|e', 'none|e', 'html|striptags is defined',
    's|list|length', 'l|sum', 'l|sum(start=10)', "['a']|sum", '[[1],[2]]|sum(start=[])', 'l|max', 'l|min', 'el|max',
    "el|min|default('e')", 'l|first', 'el|first', "el|first|default('q')", 'el|last is undefined',
    'l|random is defined', 'l|unique|list', "[1,1.0,true,'a','A']|unique|list", 'ls|unique(true)|list',
    '[[1]]|unique|list', "l|select('gt',1)|list", "l|select('odd')|list", "l|reject('odd')|list",
    "l|select('nosuch')|list", "l|map('int')|list", "l|map('round',1)|list", "ls|map('replace','b','B')|list",
    "ls|map('default','x')|list", "[1,2,3]|map('string')|join", 'l is sequence and l is iterable', 's is sequence',
    'n is sequence', 'd is mapping', '1 is number', 'true is number', 'true is integer', '1.0 is integer',
    '1 is float', '1.0 is float', 's is callable', 'range is callable', 'undef is callable', 'm is iterable',
    '5 is iterable', '3 is odd', '3.0 is odd', "'a' is odd", 'none is sameas none', 'l is sameas l',
    '[] is sameas []', '1 is sameas 1', 's is lower', "'abc' is lower", "'ABC' is upper", "'1' is upper",
    '5 is lower', "'x' is in ['x']", '1 is in l', '1 is in 5',
]

TEMPLATES = [
    '{% if true %}a{% endif %}', '{% if false %}a{% elif true %}b{% else %}c{% endif %}', '{% if 1, %}a{% endif %}',
    '{% if %}a{% endif %}', '{% for x in l %}{{ x }}{% endfor %}',
    '{% for x in l if x > 1 %}{{ loop.index }}{{ x }}{{ loop.last }}{% endfor %}',
    '{% for x in l if x > 9 %}{{ x }}{% else %}E{% endfor %}',
    '{% for a, b in d.items() %}{{ a }}={{ b }};{% endfor %}', '{% for a in d %}{{ a }}{% endfor %}',
    '{% for a,b in [(1,2),(3,4)] %}{{ a+b }}{% endfor %}', '{% for (a,b) in [(1,2)] %}{{ a }}{% endfor %}',
    '{% for a,(b,c) in [(1,(2,3))] %}{{ a+b+c }}{% endfor %}', '{% for a,b in [(1,2,3)] %}{{ a }}{% endfor %}',
    '{% for a,b in l %}{{ a }}{% endfor %}', '{% for a, in [(1,)] %}{{ a }}{% endfor %}',
    '{% for x in l %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }}|{% endfor %}',
    '{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}',
    '{% for x in [1,1,2] %}{{ loop.changed(x) }}{% endfor %}',
    "{% for x in l %}{{ loop.cycle('a','b') }}{% endfor %}", '{% for x in l %}{{ loop }}{% endfor %}',
    '{% for x in l %}{{ loop.nosuch }}{% endfor %}', '{% for x in l %}{{ loop|length }}{% endfor %}',
    '{% for x in l %}{% for y in l %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}',
    '{% for x in l %}{% set o = loop %}{% for y in l %}{{ o.index }}{% endfor %}{% endfor %}',
    '{% for x in [[1,[2,[3]]],4] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}',
    '{% for x in l %}{{ loop(x) }}{% endfor %}',
    '{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}',
    '{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}', '{% break %}',
    '{% for x in l %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}',
    '{% for x in [] %}{% break %}{% else %}E{% endfor %}', '{% for x in l %}{% break %}{% else %}E{% endfor %}',
    '{% for loop in l %}{% endfor %}', '{% for x in l recursive %}{{ x }}{% endfor %}',
    '{% for x in 5 %}{% endfor %}', '{% for x in none %}{% endfor %}', "{% for x in 'abc' %}{{ x }}-{% endfor %}",
    '{% for x in undef %}a{% else %}b{% endfor %}', '{% for x in l|reverse %}{{ x }}{{ loop.length }}{% endfor %}',
    '{% for x in 1,2 %}{{ x }}{% endfor %}', '{% for x in l if loop.first %}{{ x }}{% endfor %}',
    '{% for x in l %}{% endfor %}{{ x }}', '{% set x=1 %}{% for x in l %}{% endfor %}{{ x }}',
    '{% set x=1 %}{% for y in l %}{% set x=y %}{{ x }}{% endfor %}{{ x }}',
    '{% for y in l %}{{ x }}{% set x=y %}{% endfor %}',
    '{% set x=0 %}{% for y in l %}{{ x }}{% set x=y %}{% endfor %}',
    '{% set x=0 %}{% for y in l %}{% if y==1 %}{% set x=y %}{% endif %}{{ x }}{% endfor %}',
    '{% if true %}{% set x=1 %}{% endif %}{{ x }}', '{% if false %}{% set x=1 %}{% endif %}{{ x }}',
    '{% set x = 1 %}{% if false %}{% set x=2 %}{% endif %}{{ x }}', '{% set a,b = 1,2 %}{{ a }}{{ b }}',
    '{% set a,b = 1 %}{{ a }}', '{% set (a,b) = (1,2) %}{{ a }}', '{% set a = 1,2 %}{{ a }}',
    '{% set ns = namespace(x=1) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}',
    '{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns.b }}{{ ns }}', '{% set ns.x = 1 %}',
    '{% set d.x = 1 %}', '{% set s.x = 1 %}', '{% set ns = namespace() %}{% set ns._a = 1 %}',
    '{% set ns = namespace() %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}',
    '{% set x %}a{{ i }}b{% endset %}[{{ x }}]', '{% set x | upper %}abc{% endset %}{{ x }}',
    "{% set x | upper | replace('A','-') %}abc{% endset %}{{ x }}", '{% set x %}{% set y = 1 %}{% endset %}{{ y }}',
    '{% set ns = namespace() %}{% set ns.x %}abc{% endset %}{{ ns.x }}', "{% set x %}<b>{% endset %}{{ x + '<' }}",
    '{% set none = 1 %}', '{% set true = 1 %}', "{% set 'a' = 1 %}", '{% set x 1 %}', '{% set x = %}',
    '{% filter upper %}abc{{ s }}{% endfilter %}', "{% filter upper|replace('A','b') %}abc{% endfilter %}",
    '{% filter indent(2) %}a\nb{% endfilter %}', '{% filter nosuch %}a{% endfilter %}',
    '{% macro f(a,b=2) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{{ f(1,3) }}{{ f(b=5,a=4) }}{{ f() }}',
    '{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1,2) }}', '{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=2) }}',
    '{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1,a=2) }}',
    '{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1,2,x=3) }}',
    '{% macro f(a,b=a) %}{{ b }}{% endmacro %}{{ f(3) }}', '{% macro f(a=1,b) %}{% endmacro %}',
    '{% macro f(x) %}{{ x is defined }}{% endmacro %}{{ f() }}{{ f(none) }}{{ f(undef) }}',
    '{% macro f(x=5) %}{{ x }}{% endmacro %}{{ f(undef) }}|{{ f(none) }}',
    '{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(3) }}',
    '{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}G{% endmacro %}{{ f() }}',
    '{{ f() }}{% macro f() %}x{% endmacro %}', '{% macro f() %}{{ y }}{% endmacro %}{% set y = 1 %}{{ f() }}',
    '{% set y = 1 %}{% macro f() %}{{ y }}{% endmacro %}{% set y = 2 %}{{ f() }}',
    '{% macro f() %}{% set y = 5 %}{% endmacro %}{{ f() }}{{ y }}',
    '{% for i in l %}{% macro f() %}{{ i }}{% endmacro %}{{ f() }}{% endfor %}',
    '{% macro f() %}{{ i }}{% endmacro %}{% for i in l %}{{ f() }}{% endfor %}',
    '{% macro f() %}x{% endmacro %}{{ f }}',
    '{% macro f(a,b) %}x{% endmacro %}{{ f.name }}{{ f.arguments }}{{ f.catch_kwargs }}{{ f.caller }}',
    "{% macro f() %}<b>{% endmacro %}{{ f() + '<' }}", '{% macro f() %} a {% endmacro %}[{{ f()|trim }}]',
    '{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}body{% endcall %}',
    '{% macro f() %}[{{ caller(1,2) }}]{% endmacro %}{% call(a,b) f() %}{{ a }}{{ b }}{% endcall %}',
    '{% macro f() %}x{% endmacro %}{% call f() %}body{% endcall %}',
    '{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}',
    '{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}',
    '{% macro f(caller) %}{{ caller }}{% endmacro %}{{ f(1) }}',
    '{% macro f(caller=none) %}{{ caller() }}{% endmacro %}{% call f() %}z{% endcall %}',
    '{% set v=1 %}{% macro f() %}{% set v=2 %}{{ caller() }}{% endmacro %}{% call f() %}{{ v }}{% endcall %}',
    '{% call s %}x{% endcall %}', '{% call s.upper() %}x{% endcall %}',
    '{% with a=1, b=2 %}{{ a+b }}{% endwith %}{{ a }}', '{% set a=1 %}{% with a=2, b=a %}{{ b }}{% endwith %}',
    '{% with %}{% set q=1 %}{{ q }}{% endwith %}{{ q }}', '{% block x %}a{% endblock %}',
    '{% set z=1 %}{% block x %}{{ z }}{% endblock %}',
    '{% for i in l %}{% block x %}{{ i }}{% endblock %}{% endfor %}',
    '{% for i in l %}{% block x scoped %}{{ i }}{% endblock %}{% endfor %}', '{% block x %}a{% endblock x %}',
    '{% block x %}a{% endblock y %}', '{% print 1 %}', '{% print 1,2 %}',
    '{% generation %}a{{ i }}{% endgeneration %}b', '{% generation %}{% set q=1 %}{% endgeneration %}{{ q }}',
    '{% do 1 %}', '{% nosuch %}', "{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}",
    '{% raw %}{{ a }}{% endraw %}', '{%- raw -%} {{ a }} {%- endraw -%} b', '{% raw %}\n a\n{% endraw %}\nb',
    '{# c #}a', 'a {#- c -#} b', '{# c', '{{ a', '{% if', "{{ 'a }}", '{{ a b }}', '{{ ] }}', '{{ ( }}', '{{ (] }}',
    '{{ 1 $ 2 }}', '{{ }}', '{% %}', '{{ {} }}', "{{ {'a':{}} }}", "{{ {'a':{'b':1}}}}", "{{ {'a':'}}'} }}",
    "{{ '}}' }}", "{{ '{{' }}", '{ { }}', '{{ a }} }}', '{%- if true -%} a {%- endif -%} b',
    '  {% if true %}\n  a\n  {% endif %}\n b', '  {%+ if true %}\n  a\n  {%+ endif %}\n b',
    '  {% if true +%}\n  a\n  {% endif +%}\n b', 'x  {% if true %}y{% endif %}', 'a\n\n  {# c #}\n  b',
    'a\n  {{ i }}\n  b\n', 'a\r\nb\rc\n\n', 'a\n', '\n', '', '  ', '{{- i -}}', 'a {{- i -}} b', 'a {{+ i }} b',
    '{{ i +}}', '\n\n  {%- set x = 1 %}\n\nq', '{%- set x = 1 -%}\n\nq', '{% set x = 1 %}  {% set y = 2 %}\nq',
    '{% set x = 1 %}\n{% set y = 2 %}\nq', '{% set x = 1 %}\n\n{% set y = 2 %}\nq',
    '{% for x in l %}\n{{ x }}\n{% endfor %}', '{% for x in l -%}\n{{ x }}\n{%- endfor %}',
    '{{ i }}\n{% if true %}\nz', '\xa0{%- if true %}a{% endif %}', '\u2003 {% if true %}a{% endif %}',
    'a\n\u2003{% if true %}a{% endif %}', 'a\x0b\n\x0c {% if true %}b{% endif %}', '{{\'a\'}}{{"b"}}', '{{\n i \n}}',
    '{% if\n true\n%}x{% endif %}', '{{ i #}', '{#a#}{#-b-#}', '{#-#}x', '{#+#}x', '{# a +#}\nb', '{{ ns.x }}',
    '{% set ns=namespace(a=[]) %}{% set ns.a = ns.a + [1] %}{{ ns.a }}', '{% set l2 = l + [9] %}{{ l2 }}{{ l }}',
    '{% if x is defined and x %}a{% else %}b{% endif %}', '{% if not n %}a{% endif %}',
    '{% for k, v in d|items %}{{ k }}{{ v }}{% endfor %}', '{% for k, v in d|dictsort %}{{ k }}{{ v }}{% endfor %}',
    "{% set g = m|map(attribute='n') %}{{ g|list }}{{ g|list }}",
    "{% set g = m|map(attribute='n') %}{{ g|first }}{{ g|list }}", '{% set g = l|reverse %}{{ g|list }}{{ g|list }}',
    '{% set c = cycler(1,2) %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}',
    "{% set j = joiner('-') %}{{ j() }}{{ j() }}",
    '{% set ns = namespace(c=0) %}{% for x in l if ns.c < 1 %}{{ x }}{% set ns.c = ns.c+1 %}{% endfor %}',
    '{% set ns = namespace(c=0) %}{% for x in l if ns.c < 1 %}{{ x }}{{ loop.last }}{% set ns.c = ns.c+1 %}{% endfor %}',
    '{% set ns = namespace(c=0) %}{% for x in l if ns.c < 1 %}{{ x }}{{ loop.length }}{% set ns.c = ns.c+1 %}{% endfor %}',
    "{{ l.append(4) or '' }}{{ l }}", "{% set _ = d.update({'z':1}) %}", "{% set x = d.pop('a') %}",
    '{% if d.append %}a{% else %}b{% endif %}', '{% if l.append %}a{% else %}b{% endif %}',
    '{{ l.append is defined }}', "{{ ''.__class__ is defined }}", '{{ d.__class__ }}',
    '{% if false %}{{ s|nosuch }}{% endif %}ok', '{% if false %}{{ s is nosuch }}{% endif %}ok',
    "{{ s|nosuch if false else 'k' }}", '{% for x in [] %}{{ s|nosuch }}{% endfor %}ok',
    '{% if false %}{% for x in [] %}{{ s|nosuch }}{% endfor %}{% endif %}ok',
    '{% macro f() %}{{ s|nosuch }}{% endmacro %}ok', "{% if false %}{{ ''|from_json }}{% endif %}k",
    '{% macro f(a) %}{% for x in a %}{{ f(x) if x is iterable and x is not string else x }}{% endfor %}{% endmacro %}{{ f([1,[2,[3]]]) }}',
    '{{ f(1) }}', '{% autoescape true %}{{ html }}{% endautoescape %}',
    "{% set s2 = s %}{% set s = 'x' %}{{ s2 }}{{ s }}",
    '{% set add_generation_prompt = true %}{{ add_generation_prompt }}', '{{ (l|first) + (l|last) }}',
    '{{ l | length - 1 }}', '{{ (l|length)-1 }}', '{{ l|length-1 }}', '{{ m[m|length-1].role }}',
    '{{ m[::-1][0].role }}', '{{ (m|last).role }}', '{{ m|last.role }}', '{{ not m|length }}',
    '{{ m|length > 2 and m|length < 9 }}', "{{ 'a' in ['a'] and 'b' not in 'c' }}", "{{ not 'a' in 'b' }}",
    '{{ 1 if l else 2 }}', '{{ [x for x in l] }}', "{{ l|map('x }}", '{{ lambda }}', '{{ a.b.c }}',
    '{{ d.b.nosuch.x }}', '{{ d.nosuch is defined and d.nosuch.x }}', '{{ *l }}', '{{ f(*l, **d) }}',
    "{% macro f(a,b,c) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(*l) }}{{ f(**{'a':1,'b':2}) }}{{ f(1,*[2,3]) }}",
    "{{ dict(**{'a':1}) }}", '{{ dict(a=1,a=2) }}', "{{ dict(a=1,**{'a':2}) }}", "{{ s.replace('o', new='x') }}",
    '{{ s.upper(x=1) }}',
]

SEQUENCE_METHODS = ["count(2)", "index(2)", "index(9)", "copy()", "append(1)", "pop()", "sort()",
                    "nosuch()"]
DICT_METHODS = [".get('a')", ".get('zz')", ".get('zz',5)", ".keys()", ".values()", ".items()",
                ".copy()", ".pop('a')", ".update({'x':1})", ".keys()|list", ".items()|first",
                ".nosuch", ".b.c[1]", "['b']['c'][-1]", "['items']|string|length", "['get']"]
USES = ["{{ %s }}", "{{ [%s] }}", "{{ {'k': %s} }}", "{{ not %s }}", "{{ -%s }}",
        "{%% for x in %s %%}{{ loop.index }}:{{ x }},{%% else %%}none{%% endfor %%}",
        "{{ 'y' if %s else 'n' }}", "{{ %s.x }}", "{{ %s['x'] }}", "{{ %s[0] }}", "{{ %s[-1] }}",
        "{{ %s[1:] }}", "{{ %s[::-1] }}", "{{ %s() }}", "{{ %s ~ 'x' }}", "{{ %s.x.y }}",
        "{{ %s.x is defined }}", "{{ %s.append(1) }}", "{{ %s.update({}) }}"]


def thin(items, every, keep_all):
    """Each `every`-th one, from a start that moves on with each call, so that all turn up."""
    thin.start = getattr(thin, "start", 0) + 1
    return items if keep_all else items[thin.start % every::every]


def templates(keep_all):
    yield from TEMPLATES
    for expression in FORMATS + EXPRESSIONS:
        yield "{{ %s }}" % expression
    for value in VALUES:
        for use in thin(USES, 3, keep_all):
            yield use % value
        for name in thin(FILTERS, 6, keep_all):
            yield "{{ %s|%s }}" % (value, name)
        for name in thin(TESTS, 4, keep_all):
            yield "{{ %s is %s }}" % (value, name)
    for left in OPERANDS:
        for right in OPERANDS:
            for operator in thin(OPERATORS, 16, keep_all):
                yield "{{ %s %s %s }}" % (left, operator, right)
    for value in ["s", "e", "u", "nl", "html", "num", "'a\\tb'", "'Ab Cd'", "'x'|safe"]:
        for method in thin(STRING_METHODS, 3, keep_all):
            yield "{{ %s.%s }}" % (value, method)
    for value in ["l", "(1,2,2)", "el"]:
        for method in SEQUENCE_METHODS:
            yield "{{ %s.%s }}" % (value, method)
    for value in ["d", "ed", "items"]:
        for method in DICT_METHODS:
            yield "{{ %s%s }}" % (value, method)


class FixedDate(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 11, 30, 1, 2, 3)


def render(template):
    """The text, or None where it raises."""
    try:
        compiled = chat_template_utils._compile_jinja_template(template)
        return compiled.render(**json.loads(json.dumps(VARIABLES)))
    except Exception:
        return None


def is_portable(text):
    """Neither an address nor half a character, which no file can hold."""
    return text is None or not re.search("0x[0-9a-f]{6}|[\ud800-\udfff]", text)


# Oddities of Python's compiler or of names that no template uses; lathe refuses some of them.
LEFT_OUT = re.compile(r"is (filter|test) |1\.0\[|00\.0\[|-2 \*\* z|lipsum|random|striptags|wordwrap|pprint"
                      r"|filesizeformat|casefold|encode|autoescape|\bself\b|\d{19}|for a, in|\u0661|items'\]\|string")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    chat_template_utils.datetime = FixedDate
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "variables.json").write_text(json.dumps(VARIABLES, ensure_ascii=False) + "\n",
                                                     "utf-8")
    with open(arguments.folder / "language.jsonl", "w", encoding="utf-8") as out:
        for template in dict.fromkeys(templates(arguments.all)):
            if LEFT_OUT.search(template):
                continue
            text = render(template)
            if is_portable(text):
                out.write(json.dumps([template, text], ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
