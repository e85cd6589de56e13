# go.sh - the pipeline of bench/go/pipeline: no configuration, and nothing to tune

go_here()
{
	command -v go >/dev/null || return
	(cd bench/go/pipeline && GOTOOLCHAIN=local go build -o "$rivals/go-pipeline" .) >&2 || return
	GOTOOLCHAIN=local go version | awk '{ print $3 }'
}

go_command()
{
	case $1 in
	file)	set -- -in "$input" -out "$output" ;;
	json)	set -- -in "$input" -out "$output" -format json -level warn ;;
	clf)	set -- -in "$input" -out "$output" -format access ;;
	tcp|idle)	set -- -listen "$address:$port" -out "$output" -format syslog ;;
	stalled)	set -- -in "$input" -send "$address:$port" ;;
	latency)	set -- -in "$input" -follow -out "$output" ;;
	esac
	echo "$rivals/go-pipeline $*"
}
