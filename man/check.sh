#!/bin/sh
# Checks the manual: check.sh COMPILER path/to/build
# Every page passes mandoc's lint; every block after a line `.\" example: NAME` is
# extracted, compiled and, if it is a whole program, run.  A block after a line
# `.\" config: NAME` is a configuration that weft-pipeline accepts, tests and all.
dir=$(dirname "$0")
cc=$1
build=$2
[ $# = 2 ] && [ -d "$build" ] || { echo "usage: $0 compiler path/to/build" >&2; exit 2; }
root=$(cd "$dir/.." && pwd) || exit 2
out=$build/man
mkdir -p "$out" || exit 2
rm -f "$out"/*.c "$out"/*.yaml
warn="-Wall -Wextra -Werror -Wno-unused-parameter"
status=0

verdict()
{
	if [ "$2" = 0 ]; then
		echo "--- PASS: man/$1"
	else
		echo "--- FAIL: man/$1"
		sed 's/^/    /' "$out/log"
		status=1
	fi
}

# Writes each marked block of a page to a file of its own, as the reader sees it.
extract()
{
	awk -v out="$out" '
	/^\.\\" example: / { name = out "/" $3 ".c"; next }
	/^\.\\" config: / { name = out "/" $3 ".yaml"; next }
	/^\.Bd/ && name { on = 1; next }
	/^\.Ed/ { if (on) close(name); on = 0; name = ""; next }
	on {
		gsub(/\\&/, ""); gsub(/\\-/, "-"); gsub(/\\\(aq/, "\047")
		gsub(/\\e/, "\\")
		print >name
	}' "$1"
}

run()
{
	$cc -std=gnu11 -I"$root" $warn -o "$out/$1" "$out/$1.c" \
	    "$build/libweft-testing.a" "$build/libweft.a" -pthread || return 1
	timeout 10 "$out/$1" </dev/null
}

for page in "$dir"/*.[1-8]; do
	name=$(basename "$page")
	mandoc -T lint -W warning "$page" >"$out/log" 2>&1
	verdict "$name" $?
	extract "$page"
done
for src in "$out"/*.c; do
	name=$(basename "$src" .c)
	if grep -q -e '^int weft_main(' -e '^TEST(' "$src"; then
		run "$name" >"$out/log" 2>&1
	else
		$cc -std=gnu11 -I"$root" $warn -c -o "$out/$name.o" "$src" >"$out/log" 2>&1
	fi
	verdict "$name" $?
done
for conf in "$out"/*.yaml; do
	[ -x "$build/weft-pipeline" ] || break
	{ "$build/weft-pipeline" check -n -q -c "$conf" && "$build/weft-pipeline" test -c "$conf"; } \
	    >"$out/log" 2>&1
	verdict "$(basename "$conf" .yaml)" $?
done
exit $status
