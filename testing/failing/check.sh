#!/bin/sh
# Runs tests and compares their reports: check.sh path/to/failing.test [folder of .want]
# Each .want begins with the flags to run with and ends with the exit status.
# check.sh -update path writes them anew; read the difference before you keep it.
update=
[ "$1" = -update ] && { update=1; shift; }
prog=$1
dir=${2:-$(dirname "$0")}
files=$(cd "$dir" && echo *.c | sed "s/ /|/g; s/\.c//g")
[ -x "$prog" ] || { echo "usage: $0 [-update] path/to/failing.test" >&2; exit 2; }
tmp=$(mktemp -d) || exit 2
export TMPDIR="$tmp"
trap 'rm -rf "$tmp"' EXIT
status=0
ulimit -c 0

# What differs from run to run, from machine to machine and from one build to the
# next: times, addresses, numbers of goroutines, and frames that are not these tests' or
# as many as fit.
normal()
{
	sed -E \
	    -e 's/\([0-9.]+s\)/(0.00s)/; s/\t[0-9.]+s( |$)/\t0.000s\1/; s/t[0-9.]+s\\n/t0.000s\\n/' \
	    -e 's/"Time":"[^"]*"/"Time":"T"/; s/"Elapsed":[0-9.]+/"Elapsed":0/' \
	    -e 's/0x[0-9a-f]{6,}/0x0/g' \
	    -e 's/goroutine [0-9]+/goroutine N/g; s/held by [0-9]+/held by N/g' \
	    -e 's/, [0-9.]+(ms|s|m|h)\]/]/' \
	    -e 's,[^ "]*/([a-z_]+\.c:),\1,g' \
	    -e 's,[^ "]*/([A-Za-z]+\.(schedule|trace\.json)),\1,g; s,[^ "]*/([a-z_]+\.test -),\1,g' \
	    -e 's/^(cpu|cc|goarch): .*/\1: X/' \
	    -e '/(goroutine N|[0-9]+ goroutines) \[[^]]*\]:? (weft_main|watch|batch_work)( |$|\\n)/d' \
	    -e '/^(Segmentation fault|Aborted)/d' \
	    -e '/ endless[a-z_]*  stops\.c:/d; /^(\{"Time.*"Output":")? +0x0(\\n"}|$)/d' \
	    -e '/^("Time|.*"Output":")? +[A-Za-z_0-9.]+(  |\+0x| *\(no )[^=]*$/{
		/('$files')\.c:/!d
	    }'
}

# Every trace that the report names is there, and whole.
traces()
{
	sed -nE 's/.* trace: ([^ ]+\.json).*/\1/p' "$1" | while read -r file; do
		[ "$(tail -c 3 "$file" 2>&1)" = "]}" ] || echo "no trace in $file"
	done
}

for want in "$dir"/*.want; do
	name=$(basename "$want" .want)
	flags=$(sed -n '1s/^\$ //p' "$want")
	{
		echo "\$ $flags"
		{
			eval "WEFT_PROCS=2 \"$prog\" $flags" 2>&1
			echo "exit status $?"
		} >"$tmp/raw"
		normal <"$tmp/raw"
		traces "$tmp/raw"
	} >"$tmp/got"
	if cmp -s "$tmp/got" "$want"; then
		echo "--- PASS: $name"
	elif [ "$update" ]; then
		cp "$tmp/got" "$want"
		echo "--- UPDATED: $name"
	else
		echo "--- FAIL: $name"
		diff -u "$want" "$tmp/got"
		status=1
	fi
done
[ $status = 0 ] && echo PASS || echo FAIL
exit $status
