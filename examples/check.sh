#!/bin/sh
# Runs the numbered examples, or those of a folder: check.sh path/to/built/examples [patterns]
# Each must exit with 0 within 10 s, print something, and print NAME.want if there is one.
dir=$(dirname "$0")/${2:-}
built=$1/${2:-}
[ -d "$built" ] || { echo "usage: $0 path/to/built/examples" >&2; exit 2; }
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
status=0

fail()
{
	echo "--- FAIL: examples/$1"
	echo "    $2"
	status=1
}

for src in "$dir"/*.c; do
	name=$(basename "$src" .c)
	timeout 10 "$built/$name" >"$tmp/got" 2>"$tmp/err" </dev/null
	code=$?
	if [ $code != 0 ]; then
		fail "$name" "exit status $code, not 0"
		sed 's/^/    /' "$tmp/got" "$tmp/err"
	elif [ ! -s "$tmp/got" ]; then
		fail "$name" "printed nothing"
	elif [ -f "$dir/$name.want" ] && ! diff -u "$dir/$name.want" "$tmp/got" >"$tmp/diff"; then
		fail "$name" "printed something else than $name.want"
		sed 's/^/    /' "$tmp/diff"
	else
		echo "--- PASS: examples/$name"
	fi
done
exit $status
