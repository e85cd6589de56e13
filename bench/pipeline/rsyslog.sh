# rsyslog.sh - rsyslog as quick as we could make it; README.md has what else was tried

rs=$rivals/rsyslog/usr

rsyslog_here()
{
	[ -x "$rs/sbin/rsyslogd" ] || return
	"$rs/sbin/rsyslogd" -v | sed -n '1s/  *(.*//p' | sed 's/rsyslogd  */rsyslog /'
}

rs_module()
{
	echo "module(load=\"$rs/lib/x86_64-linux-gnu/rsyslog/$1.so\")"
}

rs_source()
{
	case $1 in
	tcp|idle)	rs_module imtcp
		echo "input(type=\"imtcp\" port=\"$port\" address=\"$address\" ruleset=\"r\")" ;;
	*)	rs_module imfile
		echo "input(type=\"imfile\" file=\"$input\" tag=\"x\" addMetadata=\"off\" ruleset=\"r\")" ;;
	esac
}

# Where a line costs more than the write, no queue is quicker than any.
rs_queue()
{
	case $1 in
	json|clf)	echo 'queue.type="direct"' ;;
	*)	echo 'queue.type="FixedArray" queue.size="20000" queue.dequeueBatchSize="1024"' ;;
	esac
}

rs_steps()
{
	case $1 in
	json)	echo 'action(type="mmjsonparse" cookie="")
		if $!level == "warn" or $!level == "error" or $!level == "fatal" then' ;;
	clf)	echo "action(type=\"mmnormalize\" ruleBase=\"$conf/clf.rb\")" ;;
	esac
}

rs_output()
{
	case $1 in
	clf)	set -- all ;;
	tcp|idle)	set -- syslog ;;
	stalled)	echo "action(type=\"omfwd\" target=\"$address\" port=\"$port\" protocol=\"tcp\"
		    template=\"raw\" action.resumeRetryCount=\"-1\")"
		return ;;
	*)	set -- raw ;;
	esac
	echo "action(type=\"omfile\" file=\"$output\" template=\"$1\" ioBufferSize=\"1m\")"
}

# It has no regular expressions with groups; its own rules are quicker than what it has.
rs_rules()
{
	cat <<-'EOF'
	version=2
	rule=:%client:word% %ident:word% %user:word% [%time:char-to:]%] "%method:word% %path:word% %protocol:char-to:"%" %status:word% %bytes:word% "%referer:char-to:"%" "%agent:char-to:"%"
	EOF
}

rs_5424()
{
	printf '%s' '<%pri%>1 %timestamp:::date-rfc3339% %hostname% %app-name% %procid% %msgid%' \
	    ' %structured-data% %msg%'
}

rsyslog_command()
{
	rs_rules >"$conf/clf.rb"
	cat >"$conf/rsyslog.conf" <<-EOF
	global(workDirectory="$conf" maxMessageSize="64k" net.enableDNS="off"
	    parser.escapeControlCharactersOnReceive="off")
	$([ "$1" != json ] || rs_module mmjsonparse)
	$([ "$1" != clf ] || rs_module mmnormalize)
	template(name="raw" type="string" string="%msg%\n")
	template(name="all" type="string" string="%\$!all-json-plain%\n")
	template(name="syslog" type="string" string="$(rs_5424)\n")
	main_queue($(rs_queue "$1"))
	$(rs_source "$1")
	ruleset(name="r" $([ "$(rs_queue "$1")" != 'queue.type="direct"' ] || rs_queue "$1")) {
		$(rs_steps "$1")
		$(rs_output "$1")
	}
	EOF
	echo "$rs/sbin/rsyslogd -n -f $conf/rsyslog.conf -i $conf/rsyslog.pid" \
	    "-M $rs/lib/x86_64-linux-gnu/rsyslog"
}
