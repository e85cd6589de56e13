#!/bin/sh
# Runs the pitfalls: check.sh path/to/built/pitfalls COMPILER...
# NAME.want begins with "status N" for a program, which is found built, or with
# "compile error" for one that the compiler must refuse (those are in refused/).  The
# output, of either, must contain every line that follows; " || " separates alternatives.
dir=$(dirname "$0")
built=$1
[ $# -ge 2 ] && [ -d "$built" ] || {
	echo "usage: $0 path/to/built/pitfalls compiler..." >&2
	exit 2
}
shift
root=$(cd "$dir/../.." && pwd) || exit 2
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
LC_ALL=C
export LC_ALL
status=0

# Prints what is missing from $tmp/got.
missing()
{
	awk 'NR == FNR { text = text $0 "\n"; next }
	FNR == 1 { next }
	{
		n = split($0, any, / \|\| /)
		for (i = 1; i <= n; i++)
			if (index(text, any[i]))
				next
		print "    not in the output: " $0
	}' "$tmp/got" "$1"
}

verdict()
{
	if [ -s "$tmp/bad" ]; then
		echo "--- FAIL: pitfalls/$1"
		cat "$tmp/bad"
		sed 's/^/    | /' "$tmp/got"
		status=1
	else
		echo "--- PASS: pitfalls/$1"
	fi
}

for want in "$dir"/*.want; do
	name=$(basename "$want" .want)
	: >"$tmp/bad"
	timeout 10 "$built/$name" >"$tmp/got" 2>&1 </dev/null
	code="status $?"
	expected=$(head -n 1 "$want")
	[ "$code" = "$expected" ] || echo "    exit $code, not $expected" >"$tmp/bad"
	missing "$want" >>"$tmp/bad"
	verdict "$name"
done

for want in "$dir"/refused/*.want; do
	name=$(basename "$want" .want)
	: >"$tmp/bad"
	timeout 10 "$@" -std=gnu11 -I"$root" -fsyntax-only "$dir/refused/$name.c" \
	    >"$tmp/got" 2>&1 && echo "    it compiles" >"$tmp/bad"
	missing "$want" >>"$tmp/bad"
	verdict "refused/$name"
done
exit $status
