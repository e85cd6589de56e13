# weft.sh - our own configurations: one for each case, with a state directory as an operator has
#
# Every subject's file defines NAME_here, is it here and which is it, and NAME_command CASE,
# which writes what configuration there is to $conf and prints the command.  They read $input
# and write $output, or use $address and $port; all of $work is new for each run.

weft_here()
{
	[ -x "$build/weft-pipeline" ] || return
	"$build/weft-pipeline" --version
}

weft_source()
{
	case $1 in
	file|stalled)	echo "app: {file: $input, once: true, format: plain}" ;;
	json)	echo "app: {file: $input, once: true, format: json}" ;;
	clf)	printf "app: {file: %s, once: true, regex: '%s'}" "$input" "$clf_regex" ;;
	latency)	echo "app: {file: $input, format: plain}" ;;
	tcp)	echo "net: {syslog: 'tcp://$address:$port'}" ;;
	idle)	echo "app: {file: $input}"
		echo "  net: {syslog: 'tcp://$address:$port'}" ;;
	esac
}

weft_output()
{
	case $1 in
	clf|idle)	echo "disk: {file: $output, format: json}" ;;
	tcp)	echo "disk: {file: $output, format: syslog}" ;;
	stalled)	echo "net: {syslog: 'tcp://$address:$port'}" ;;
	*)	echo "disk: {file: $output, format: raw}" ;;
	esac
}

weft_command()
{
	{
		echo "state: $conf/state"
		echo "budget: {memory: ${budget}MB}"
		printf 'sources:\n  %s\n' "$(weft_source "$1")"
		[ "$1" != json ] || printf "steps:\n  keep: {where: 'level >= warn'}\n"
		printf 'outputs:\n  %s\n' "$(weft_output "$1")"
	} >"$conf/weft.yaml"
	echo "$build/weft-pipeline run -c $conf/weft.yaml"
}
