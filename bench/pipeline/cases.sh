# cases.sh - what is measured, and on what: the same bytes for everybody
#
# Lines are of 200 bytes where the bar says so, else as long as the generator makes them.

# gen FILE FORMAT MEGABYTES OPTION...: about so much, the same bytes for everybody
gen()
{
	file=$1 format=$2 bytes=$(($3 * 1000000))
	shift 3
	[ ! -s "$file" ] || return 0
	"$build/weft-pipeline" gen -n 1000 -f "$format" "$@" -o "$file" || return
	lines=$((bytes * 1000 / $(stat -c %s "$file")))
	"$build/weft-pipeline" gen -n "$lines" -f "$format" "$@" -o "$file"
}

# The files, in memory, made when they are not there.
input_of()
{
	case $1 in
	file)	gen "$work/plain" plain "$size" --pad 200 && echo "$work/plain" ;;
	# more than anybody may keep in memory
	stalled)	gen "$work/long" plain $((4 * budget)) --pad 200 && echo "$work/long" ;;
	json)	gen "$work/json" json "$size" && echo "$work/json" ;;
	clf)	gen "$work/access" access "$size" && echo "$work/access" ;;
	tcp)	for i in 1 2 3 4 5 6 7 8 9 10; do
			gen "$work/net$i" syslog5424 $((size / 10)) --pad 200 --source $i || return
			echo "$work/net$i"
		done ;;
	idle|latency)	: >"$work/followed"; echo "$work/followed" ;;
	esac
}

# How many lines are to come out; asked of another program than ours.
wanted()
{
	case $1 in
	json)	grep -cE '"level":"(warn|error|fatal)"' "$input" ;;
	*)	cat $input | wc -l ;;
	esac
}

# measure CASE COMMAND...: what load prints
measure()
{
	kind=$1
	shift
	case $kind in
	tcp)	set -- tcp -a "tcp://$address:$port" -o "$output" -n "$want" $input -- "$@" ;;
	idle)	set -- idle -- "$@" ;;
	stalled)	set -- stalled -a "tcp://$address:$port" -- "$@" ;;
	latency)	set -- latency -i "$input" -o "$output" -r 10000000 -s "$seconds" -- "$@" ;;
	*)	set -- file -o "$output" -n "$want" -- "$@" ;;
	esac
	taskset -c "$rest" "$build/pipeline_load" "$@"
}

# Is every line in the output that has to be, once, in order, and no other?
right()
{
	case $1 in
	idle|stalled|latency)	return ;;
	esac
	lines=$(wc -l <"$output")
	if [ "$lines" != "$want" ]; then
		echo "$lines lines came out, not $want"
		return 1
	fi
	[ "$1" = json ] && level=warn || level=trace
	# rsyslog writes / as \/ in JSON, which is allowed, but not what a mark looks like
	if [ "$1" = clf ]; then sed 's|\\/|/|g' "$output"; else cat "$output"; fi |
	    "$build/weft-pipeline" verify --level $level - | tee "$work/found"
	grep -q '; 0 lost, 0 doubled, 0 torn, 0 out of order' "$work/found"
}
