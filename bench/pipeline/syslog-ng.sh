# syslog-ng.sh - syslog-ng as quick as we could make it; README.md has what else was tried
#
# From files one thread is quicker than several, on one CPU and on two.

ng=$rivals/syslog-ng-core/usr

syslog_ng_here()
{
	[ -x "$ng/sbin/syslog-ng" ] || return
	LD_LIBRARY_PATH=$ng/lib/syslog-ng "$ng/sbin/syslog-ng" --version | sed -n '1s/ .*(\(.*\)).*/ \1/p'
}

ng_source()
{
	case $1 in
	tcp|idle)	echo "network(transport(tcp) ip($address) port($port) max-connections(20)
		    flags(syslog-protocol) log-fetch-limit(1000) log-iw-size(20000));" ;;
	latency)	echo "file('$input' flags(no-parse) follow-freq(0.001) log-fetch-limit(100)
		    log-iw-size(10000));" ;;
	*)	echo "file('$input' flags(no-parse) follow-freq(0.001) log-fetch-limit(1000)
		    log-iw-size(100000));" ;;
	esac
}

# Comparing with a pattern is as quick as comparing with three words.
ng_steps()
{
	case $1 in
	json)	echo 'parser { json-parser(prefix(".j.")); };
		    filter { match("^(warn|error|fatal)$" value(".j.level") type(pcre)); };' ;;
	clf)	printf "parser { regexp-parser(patterns('%s') prefix('.c.')); };" "$clf_regex" ;;
	esac
}

# A template with the fields' names is twice as quick as $(format-json).
ng_json()
{
	line=
	for f in client ident user time method path protocol status bytes referer agent; do
		line="$line,\\\"$f\\\":\\\"\${.c.$f}\\\""
	done
	printf '{%s}\\n' "${line#,}"
}

ng_output()
{
	case $1 in
	clf)	printf "file('%s' template(\"%s\") template-escape(yes));" "$output" "$(ng_json)" ;;
	tcp|idle)	echo "file('$output' flags(syslog-protocol) frac-digits(3));" ;;
	stalled)	echo "network('$address' transport(tcp) port($port) template(raw));" ;;
	*)	echo "file('$output' template(raw));" ;;
	esac
}

ng_options()
{
	case $1 in
	tcp|idle)	echo 'threaded(yes); flush-lines(1000); log-fifo-size(200000);' ;;
	latency)	echo 'threaded(no); flush-lines(100); log-fifo-size(20000);' ;;
	*)	echo 'threaded(no); flush-lines(1000); log-fifo-size(200000);' ;;
	esac
}

syslog_ng_command()
{
	cat >"$conf/syslog-ng.conf" <<-EOF
	@version: 3.38
	options { stats-freq(0); use-uniqid(no); keep-hostname(yes); use-dns(no); dns-cache(no);
	    $(ng_options "$1") };
	template raw { template("\${MESSAGE}\n"); };
	source s { $(ng_source "$1") };
	destination d { $(ng_output "$1") };
	log { source(s); $(ng_steps "$1") destination(d); flags(flow-control); };
	EOF
	echo "env LD_LIBRARY_PATH=$ng/lib/syslog-ng $ng/sbin/syslog-ng -F --no-caps" \
	    "-f $conf/syslog-ng.conf --module-path $ng/lib/syslog-ng/3.38" \
	    "-R $conf/persist -p $conf/pid -c $conf/control"
}
