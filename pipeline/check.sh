#!/bin/sh
# Checks what README.md shows: check.sh COMPILER path/to/build
# A shell block after <!-- recipe --> is pasted into an empty directory, and prints what
# the indented block after it shows; with <!-- recipe, any numbers --> numbers and blanks may
# differ.  A C block after <!-- program --> is compiled, and run on a generated log.
dir=$(dirname "$0")
cc=$1
build=$2
[ $# = 2 ] && [ -d "$build" ] || { echo "usage: $0 compiler path/to/build" >&2; exit 2; }
root=$(cd "$dir/.." && pwd) || exit 2
build=$(cd "$build" && pwd) || exit 2
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
export PATH="$build:$PATH"
port=$((20000 + $$ % 10000))	# others may be at 5514
status=0

# Writes N.sh, N.want and N.any, or N.c, in the order of the README.
awk -v out="$tmp" '
/^<!-- recipe/ { n++; kind = "sh"; if (/any numbers/) print >(out "/" n ".any") }
/^<!-- program -->$/ { n++; kind = "c" }
/^```$/ && on { on = 0; wants = kind == "sh"; close(file); next }
on { print >file; next }
kind && $0 == "```" kind { file = out "/" n "." kind; on = 1; next }
/^\t/ && wants { print substr($0, 2) >(out "/" n ".want"); seen = 1; next }
seen { wants = seen = kind = 0 }
' "$dir/README.md"

verdict()
{
	if [ "$2" = 0 ]; then
		echo "--- PASS: pipeline/README.md, $1"
	else
		echo "--- FAIL: pipeline/README.md, $1"
		sed 's/^/    /' "$tmp/log"
		status=1
	fi
}

numbers()
{
	if [ -e "$tmp/$1.any" ]; then
		sed 's/[0-9][0-9,.]*/N/g; s/  */ /g'
	else
		cat
	fi
}

recipe()
{
	mkdir "$tmp/$1"
	sed "s/5514/$port/g; s/127.0.0.1:9200/127.0.0.1:9/" "$tmp/$1.sh" >"$tmp/$1/recipe"
	(cd "$tmp/$1" && timeout 60 sh -eu recipe >got 2>told) ||
	    { echo "exit status $?"; cat "$tmp/$1/got" "$tmp/$1/told"; return 1; }
	numbers "$1" <"$tmp/$1.want" >"$tmp/want"
	numbers "$1" <"$tmp/$1/got" | diff -u "$tmp/want" - || { cat "$tmp/$1/told"; return 1; }
}

program()
{
	mkdir "$tmp/$1"
	$cc -std=gnu11 -D_GNU_SOURCE -I"$root" -Wall -Wextra -Werror -o "$tmp/$1/app" "$tmp/$1.c" \
	    -Wl,--start-group "$build"/libweft-pipeline.a "$build"/libweft-patterns.a \
	    "$build"/libweft.a -Wl,--end-group \
	    $(pkg-config --libs libpcre2-8 sqlite3 yaml-0.1 libzstd zlib libmaxminddb jansson) \
	    -ldl -pthread || return 1
	(cd "$tmp/$1" && weft-pipeline gen -n 100 -o a.log && timeout 60 ./app a.log >got) &&
	    grep -q level= "$tmp/$1/got"
}

for f in "$tmp"/*.sh; do
	n=$(basename "$f" .sh)
	recipe "$n" >"$tmp/log" 2>&1
	verdict "recipe $n" $?
done
for f in "$tmp"/*.c; do
	program "$(basename "$f" .c)" >"$tmp/log" 2>&1
	verdict "the program" $?
done
exit $status
