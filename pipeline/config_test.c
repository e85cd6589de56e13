/* config_test.c - configurations that are good, and what is said about those that are not */
#include "config.h"

#include <stdlib.h>

#include "testfiles.h"

#define GOOD "sources: { app: { file: /var/log/a.log } }\noutputs: { o: { stdout: json } }\n"

static struct config *
parse(const char *text)
{
	return config_parse("dir/c.yaml", text, strlen(text));
}

/* GOOD before it, two lines, if it does not begin with a bar. */
static void
says(const char *text, const char *want)
{
	struct buf all = { 0 }, got = { 0 };
	struct config *c;

	buf_adds(&all, *text == '|' ? "" : GOOD);
	buf_adds(&all, text + (*text == '|'));
	c = config_parse("c", all.data, all.len);
	config_errors(c, &got);
	CHECK_STR(buf_str(&got), want);
	config_free(c);
	buf_finish(&got);
	buf_finish(&all);
}

static void
good(struct config *c)
{
	struct buf err = { 0 };

	if (config_errors(c, &err))
		weft_logf("%s", buf_str(&err));
	REQUIRE(!c->complaints.n);
	buf_finish(&err);
}

TEST(ConfigReadsTheWhole)
{
	struct config *c = parse(GOOD
	    "state: st\nbudget: { memory: 64MB, disk: 1GB }\nworkers: 4\norder: none\n"
	    "drain: 30s\ncheckpoint: 200ms\nhost: h\nlisten: \"127.0.0.1:9600\"\n");

	good(c);
	CHECK_STR(c->options.state, "dir/st");
	CHECK_EQ(c->options.memory, 64000000);
	CHECK_EQ(c->options.disk, 1000000000);
	CHECK_EQ(c->options.workers, 4);
	CHECK(c->options.unordered);
	CHECK_EQ(c->options.drain, 30 * WEFT_SECOND);
	CHECK_EQ(c->options.checkpoint, 200 * WEFT_MS);
	CHECK_STR(c->options.host, "h");
	CHECK_STR(c->listen, "127.0.0.1:9600");
	config_free(c);
}

TEST(ConfigReadsSources)
{
	struct config *c = parse("outputs: { o: { stdout: } }\nsources:\n"
	    "  a: { file: [/x/*.log, y.log], exclude: \"*.gz\", format: logfmt, from: end,\n"
	    "       multiline: stacktrace, multiline_wait: 2s, once: yes, max_line: 1MiB }\n"
	    "  b: { syslog: [\"udp://:514\", \"unix:s\", \"unixgram:/s\"], cert: c.pem, key: /k }\n"
	    "  c: { stdin: json }\n"
	    "  d: { stdin: {}, regex: '^(?<message>.*)$' }\n");

	good(c);
	CHECK_EQ(c->nsources, 4);
	CHECK_EQ(c->sources[0].item.kind, SOURCE_FILE);
	CHECK_STR(c->sources[0].file.item[0], "/x/*.log");
	CHECK_STR(c->sources[0].file.item[1], "dir/y.log");
	CHECK(c->sources[0].file.item[2] == NULL);
	CHECK_STR(c->sources[0].exclude.item[0], "*.gz");
	CHECK_EQ(c->sources[0].o.format, WEFT_LINE_LOGFMT);
	CHECK(c->sources[0].o.at_end && c->sources[0].o.once);
	CHECK_STR(c->sources[0].o.multiline, "stacktrace");
	CHECK_EQ(c->sources[0].o.multiline_wait, 2 * WEFT_SECOND);
	CHECK_EQ(c->sources[0].o.max_line, 1 << 20);
	CHECK_STR(c->sources[1].syslog.item[0], "udp://:514");
	CHECK_STR(c->sources[1].syslog.item[1], "unix:dir/s");
	CHECK_STR(c->sources[1].syslog.item[2], "unixgram:/s");
	CHECK_STR(c->sources[1].o.cert, "dir/c.pem");
	CHECK_STR(c->sources[1].o.key, "/k");
	CHECK_EQ(c->sources[2].o.format, WEFT_LINE_JSON);
	CHECK_EQ(c->sources[3].o.format, WEFT_LINE_REGEX);
	CHECK(config_source(c, "d") == &c->sources[3]);
	CHECK(config_source(c, "e") == NULL);
	config_free(c);
}

TEST(ConfigReadsSteps)
{
	struct config *c = parse(GOOD "steps:\n"
	    "  keep:  { where: 'level >= warn' }\n"
	    "  some:  { sample: 10%, by: user }\n"
	    "  quiet: { limit: 200/s, burst: 400, per: source }\n"
	    "  once:  { dedup: 10s, by: message }\n"
	    "  safe:  { redact: [email, 'a$b$$'], with: \"***\" }\n"
	    "  meta:  { set: { region: eu, country: no } }\n"
	    "  who:   { table: hosts.csv, column: ip, by: addr, prefix: \"h.\" }\n"
	    "  where: { geoip: /c.mmdb, by: addr }\n"
	    "  name:  { rdns: addr, into: host, timeout: 200ms, ttl: 1h }\n");

	good(c);
	CHECK_EQ(c->nsteps, 9);
	for (int i = 0; i < 9; i++)
		CHECK_EQ(c->steps[i].item.kind, 1 << i);
	CHECK_STR(c->steps[0].text, "level >= warn");
	CHECK(c->steps[1].share > 0.0999 && c->steps[1].share < 0.1001);
	CHECK_STR(c->steps[1].by, "user");
	CHECK_EQ(c->steps[2].rate.events, 200);
	CHECK_EQ(c->steps[2].burst, 400);
	CHECK_STR(c->steps[2].by, "source");
	CHECK_EQ(c->steps[3].window, 10 * WEFT_SECOND);
	CHECK_STR(c->steps[4].redact.item[1], "a$b$");
	CHECK_STR(c->steps[4].with, "***");
	CHECK_EQ(c->steps[5].set.n, 2);
	CHECK_STR(c->steps[5].set.name[1], "country");
	CHECK_STR(c->steps[5].set.value[1], "no");
	CHECK_STR(c->steps[6].text, "dir/hosts.csv");
	CHECK_STR(c->steps[6].prefix, "h");
	CHECK_STR(c->steps[7].text, "/c.mmdb");
	CHECK_STR(c->steps[8].into, "host");
	CHECK_EQ(c->steps[8].ttl, 3600 * WEFT_SECOND);
	config_free(c);
}

TEST(ConfigReadsOutputs)
{
	struct config *c = parse("state: /st\nsources: { app: { stdin: } }\noutputs:\n"
	    "  screen: { stdout: pretty }\n"
	    "  disk: { file: \"/d/%Y%m%d.log\", format: raw, compress: zstd, fsync: 1s,\n"
	    "          rotate: { size: 256MB, every: 1d, keep: 14 }, mode: 0600,\n"
	    "          where: 'level >= error', from: [app], when_full: spill, queue: 8MB }\n"
	    "  fwd: { syslog: \"tls://h:1\", octets: true, ca: a, timeout: 5s, insecure: on }\n"
	    "  es: { http: \"https://es/_bulk\", shape: elasticsearch, index: i, gzip: true,\n"
	    "        headers: { A: b, C: d }, user: \"u:p\", timeout: 1m }\n"
	    "  loki: { http: \"http://l\", shape: loki, labels: { job: app, s: \"{source}\" } }\n"
	    "  dead: { file: dead, fsync: never }\nerrors: dead\n");

	good(c);
	CHECK_EQ(c->noutputs, 6);
	struct config_output *o = c->outputs;
	CHECK_EQ(o[0].o.format, WEFT_OUTPUT_PRETTY);
	CHECK_STR(o[1].file.path, "/d/%Y%m%d.log");
	CHECK_EQ(o[1].file.rotate_size, 256000000);
	CHECK_EQ(o[1].file.rotate_every, 86400 * WEFT_SECOND);
	CHECK_EQ(o[1].file.keep, 14);
	CHECK_EQ(o[1].file.mode, 0600);
	CHECK_EQ(o[1].file.fsync, WEFT_SECOND);
	CHECK_STR(o[1].file.compress, "zstd");
	CHECK_EQ(o[1].o.when_full, WEFT_SPILL);
	CHECK_EQ(o[1].o.queue, 8000000);
	CHECK_STR(o[1].from.item[0], "app");
	CHECK(o[2].syslog.octets && o[2].syslog.insecure);
	CHECK_STR(o[2].syslog.ca, "dir/a");
	CHECK_EQ(o[2].syslog.timeout, 5 * WEFT_SECOND);
	CHECK_EQ(o[3].http.shape, WEFT_HTTP_ELASTICSEARCH);
	CHECK_STR(o[3].http.headers[1], "C: d");
	CHECK(o[3].http.headers[2] == NULL);
	CHECK_EQ(o[3].http.timeout, 60 * WEFT_SECOND);
	CHECK_STR(o[4].http.labels[1], "s={source}");
	CHECK_EQ(o[5].file.fsync, -1);
	CHECK(o[5].o.dead && !o[1].o.dead);
	config_free(c);
}

TEST(ConfigReadsTests)
{
	struct config *c = parse(GOOD "steps: { keep: { where: 'a == 1' } }\ntests:\n"
	    "  - { name: n, source: app, input: x, expect: dropped by keep }\n"
	    "  - { input: [x, y, z], expect: [dead, dropped, { a: 1, b: two }] }\n"
	    "  - { input: [x, y], expect: unchanged }\n");

	good(c);
	CHECK_EQ(c->ntests, 3);
	CHECK_STR(c->tests[0].expect[0].step, "keep");
	CHECK_EQ(c->tests[1].expect[0].kind, EXPECT_DEAD);
	CHECK_EQ(c->tests[1].expect[1].kind, EXPECT_DROPPED);
	CHECK(c->tests[1].expect[1].step == NULL);
	CHECK_STR(c->tests[1].expect[2].fields.value[1], "two");
	CHECK_EQ(c->tests[2].expect[1].kind, EXPECT_UNCHANGED);
	config_free(c);
}

TEST(ConfigReplacesTheEnvironment)
{
	struct config *c;

	setenv("WEFT_TEST_DIR", "/from/env", 1);
	setenv("WEFT_TEST_EMPTY", "", 1);
	unsetenv("WEFT_TEST_NONE");
	c = parse(GOOD "state: ${WEFT_TEST_DIR}/x\n"
	    "host: ${WEFT_TEST_NONE:-a}${WEFT_TEST_EMPTY:-b}${WEFT_TEST_EMPTY}c$$d$e\n");
	good(c);
	CHECK_STR(c->options.state, "/from/env/x");
	CHECK_STR(c->options.host, "abc$d$e");
	config_free(c);
	setenv("WEFT_TEST_DIR", "{a}", 1);
	c = parse(GOOD "steps: { a: { set: { b: \"{c}${WEFT_TEST_DIR}\" } } }\n");
	good(c);
	CHECK_STR(c->steps[0].set.value[0], "{c}{{a}}");
	config_free(c);
	says("host: ${WEFT_TEST_NONE}\n", "c:3:7: the environment has no WEFT_TEST_NONE; set it, "
	    "or write ${WEFT_TEST_NONE:-instead}\n");
	says("host: ${WEFT\n",
	    "c:3:7: \"${\" has no \"}\"; write $${ if you mean the characters\n");
	says("host: x${a b}\n", "c:3:7: \"${a b}\" is not ${NAME} or ${NAME:-instead}; write "
	    "$${ if you mean the characters\n");
}

TEST(ConfigNamesUnknownKeys)
{
	says("wrokers: 1\n",
	    "c:3:1: there is no key \"wrokers\" in the configuration; did you mean \"workers\"?\n");
	says("budget: { mem: 1 }\n",
	    "c:3:11: there is no key \"mem\" in \"budget\"; the keys are memory, disk\n");
	says("steps: { a: { wher: x } }\n", "c:3:13: a step needs one of where, sample, limit, "
	    "dedup, redact, set, table, geoip or rdns\n"
	    "c:3:15: there is no key \"wher\" in a step; did you mean \"where\"?\n");
	says("|sources: { a: { file: x, formt: json } }\noutputs: { o: { stdout: , qeue: 1 } }\n",
	    "c:1:26: there is no key \"formt\" in a source; did you mean \"format\"?\n"
	    "c:2:27: there is no key \"qeue\" in an output; did you mean \"queue\"?\n");
}

TEST(ConfigNamesWrongTypes)
{
	says("workers: four\n",
	    "c:3:10: \"workers\" must be a whole number, such as 4, not \"four\"\n");
	says("workers: 99999\n", "c:3:10: \"workers\" must be 0 to 10000, not 99999\n");
	says("workers: [1]\n",
	    "c:3:10: \"workers\" must be a whole number, such as 4, not a list\n");
	says("drain: 30\n", "c:3:8: \"drain\" must be a duration, such as 200ms or 1h, not "
	    "\"30\": it has no unit\n");
	says("drain:\n", "c:3:7: \"drain\" must be a duration, such as 200ms or 1h, not empty\n");
	says("budget: { memory: much }\n", "c:3:19: \"memory\" must be a size, such as 64MB or "
	    "4GiB, not \"much\": it does not begin with a number\n");
	says("budget: 64MB\n", "c:3:9: \"budget\" must be a map, such as { key: value }, not "
	    "\"64MB\"\n");
	says("order: streams\n", "c:3:8: \"order\" must be stream or none, not \"streams\"; did "
	    "you mean \"stream\"?\n");
	says("host: { a: b }\n", "c:3:7: \"host\" must be a text, not a map\n");
	says("steps: [a]\n",
	    "c:3:8: \"steps\" must be a map of names, such as { name: { ... } }, not a list\n");
	says("steps: { a: x }\n",
	    "c:3:13: a step must be a map, such as { key: value }, not \"x\"\n");
	says("steps: { a: { set: x } }\n", "c:3:20: \"set\" must be a map of texts, such as { "
	    "name: value }, not \"x\"\n");
	says("steps: { a: { set: { b: [x] } } }\n", "c:3:25: \"b\" must be a text, not a list\n");
	says("steps: { a: { sample: 2 } }\n", "c:3:23: \"sample\" must be a share, such as 10%, "
	    "not \"2\": it is more than 1, which is all; say 10%\n");
	says("steps: { a: { limit: 5 } }\n", "c:3:22: \"limit\" must be a rate, such as 200/s, "
	    "not \"5\": it does not say per what\n");
	says("steps: { a: { redact: { x: y } } }\n", "c:3:23: \"redact\" must be a text, or a "
	    "list of texts, such as [one, two], not a map\n");
	says("|- a\n",
	    "c:1:1: the configuration must be a map, such as { key: value }, not a list\n");
	says("|# nothing\n", "c:1:1: it is empty; it needs \"sources\" and \"outputs\"\n");
}

TEST(ConfigNamesSourcesThatCannotBe)
{
	says("|sources:\noutputs: { o: { stdout: } }\n",
	    "c:1:1: there are no \"sources\": nothing would be read\n");
	says("|outputs: { o: { stdout: } }\nsources:\n  a b: { stdin: }\n",
	    "c:3:3: the name \"a b\" must be up to 64 letters, digits, _ . or -\n");
	says("|outputs: { o: { stdout: } }\nsources:\n  a: { stdin: , file: x }\n",
	    "c:3:17: a source has one of file, syslog or stdin, not both \"stdin\" and "
	    "\"file\"\n");
	says("|outputs: { o: { stdout: } }\nsources:\n  a: { syslog: \"udp://:1\", once: true }\n",
	    "c:3:28: \"once\" does not go with \"syslog\"; it is for file\n");
	says("|outputs: { o: { stdout: } }\nsources:\n  a: { syslog: \"udp://:1 udp://:2\" }\n",
	    "c:3:16: \"syslog\" has a blank in \"udp://:1 udp://:2\"; write a list, one in each "
	    "text\n");
	says("|outputs: { o: { stdout: } }\nsources:\n  a: { file: x, format: regex }\n",
	    "c:3:25: the format regex needs \"regex\", a pattern with named groups, such as "
	    "'^(?<time>\\S+) (?<level>\\w+) (?<message>.*)'\n");
	says("|outputs: { o: { stdout: } }\nsources:\n  a: { file: x, format: json, regex: y }\n",
	    "c:3:38: \"regex\" goes with the format regex only\n");
	says("|outputs: { o: { stdout: } }\nsources:\n  a: { file: x, format: regx }\n",
	    "c:3:25: \"format\" must be one of auto, json, plain, logfmt, syslog, access, cri or "
	    "regex, not \"regx\"; did you mean \"regex\"?\n");
}

TEST(ConfigNamesStepsThatCannotBe)
{
	says("steps: { a: { where: x, sample: 1% } }\n", "c:3:25: a step has one of where, sample, "
	    "limit, dedup, redact, set, table, geoip or rdns, not both \"where\" and \"sample\"\n");
	says("steps: { a: { limit: 1/s, by: x } }\n",
	    "c:3:27: \"by\" does not go with \"limit\"; it is for sample, dedup, table, geoip\n");
	says("steps: { a: { table: x } }\n",
	    "c:3:13: the step \"a\" needs \"column\": the column that is looked in\n");
	says("steps: { a: { geoip: x } }\n",
	    "c:3:13: the step \"a\" needs \"by\": the field that has the address\n");
	says("steps: { a: { rdns: x } }\n",
	    "c:3:13: the step \"a\" needs \"into\": the field that the name is put in\n");
	says("steps: { a: { dedup: 0 } }\n",
	    "c:3:22: \"dedup\" must be more than no time, such as 10s\n");
	says("steps: { a: { where: x }, a: { where: y } }\n",
	    "c:3:27: the key \"a\" is here a second time; the first is in line 3\n");
}

TEST(ConfigNamesOutputsThatCannotBe)
{
#define IN "|sources: { app: { stdin: } }\noutputs:\n"
	says(IN "  o: { file: x, from: [app, ap] }\n",
	    "c:3:23: there is no source \"ap\"; did you mean \"app\"?\n");
	says(IN "  o: { file: x, mode: rw }\n", "c:3:23: \"mode\" must be three or four octal "
	    "digits, such as 0640, not \"rw\"\n");
	says(IN "  o: { file: x, fsync: [] }\n", "c:3:24: \"fsync\" must be a duration, such as "
	    "1s, or always or never, not a list\n");
	says(IN "  o: { http: x, labels: { a: b } }\n",
	    "c:3:25: \"labels\" goes with the shape loki only\n");
	says(IN "  o: { stdout: , gzip: true }\n",
	    "c:3:18: \"gzip\" does not go with \"stdout\"; it is for http\n");
	says(IN "  o: { stdout: json }\nerrors: p\n",
	    "c:4:9: there is no output \"p\"\n");
	says(IN "  dead: { stdout: }\nerrors: daed\n",
	    "c:4:9: there is no output \"daed\"; did you mean \"dead\"?\n");
	says(IN "  o: { stdout: json }\nerrors: o\n",
	    "c:3:6: the output \"o\" gets the dead letters, so it must be a file\n");
	says(IN "  o: { file: x, where: y }\nerrors: o\n", "c:3:24: \"where\" has no meaning "
	    "here: the output \"o\" gets all dead letters and nothing else\n");
	says(IN "  o: { file: /x }\n  p: { file: /x }\n", "c:4:14: the output \"o\" writes to /x, "
	    "too; give each a file of its own\n");
}

TEST(ConfigNamesTestsThatCannotBe)
{
	says("tests: x\n",
	    "c:3:8: \"tests\" must be a list, such as [{ input: ..., expect: ... }]\n");
	says("tests: [{ input: x }]\n", "c:3:9: a test needs \"expect\"\n");
	says("tests: [{ expect: dead }]\n", "c:3:9: a test needs \"input\"\n");
	says("tests: [{ input: [a, b], expect: [dead] }]\n", "c:3:34: \"expect\" has 1 for 2 of "
	    "\"input\"; one that is no list counts for all\n");
	says("tests: [{ input: a, expect: gone }]\n", "c:3:29: \"expect\" must be unchanged, "
	    "dropped, dropped by STEP, dead, or a map of fields, not \"gone\"\n");
	says("tests: [{ input: a, source: ap, expect: dropped by keep }]\n",
	    "c:3:29: there is no source \"ap\"; did you mean \"app\"?\n"
	    "c:3:41: there is no step \"keep\"\n");
}

/* In the order of the file, whoever found them. */
TEST(ConfigCollectsAllErrors)
{
	says("|sources: { a: { file: x, form: y } }\nworkers: x\noutputs:\n"
	    "  o: { stdout: jsn, from: b }\ndrain: y\n",
	    "c:1:26: there is no key \"form\" in a source; did you mean \"from\"?\n"
	    "c:2:10: \"workers\" must be a whole number, such as 4, not \"x\"\n"
	    "c:4:16: \"stdout\" must be one of auto, json, logfmt, text, pretty, raw, syslog or "
	    "syslog_bsd, not \"jsn\"; did you mean \"json\"?\n"
	    "c:4:27: there is no source \"b\"\n"
	    "c:5:8: \"drain\" must be a duration, such as 200ms or 1h, not \"y\": it does not "
	    "begin with a number\n");
}

/* What others find wrong is told at the value that they mean. */
TEST(ConfigBuildKnowsThePlaces)
{
	static const char text[] = "sources:\n"
	    "  a: { syslog: \"tls://:1\", cert: /nonexistent/c, key: /nonexistent/k }\n"
	    "  b: { file: \"/a/**/b\" }\n"
	    "  c: { stdin: , regex: \"(\" }\n"
	    "steps:\n"
	    "  d: { where: 'level >= warm' }\n"
	    "  e: { limit: 1/s, per: \"a b\" }\n"
	    "  f: { set: { g: ok, h: \"{b\" } }\n"
	    "  t: { table: /nonexistent/t, column: x, by: y }\n"
	    "outputs:\n"
	    "  i: { file: \"/tmp/%q\" }\n"
	    "  j: { http: \"ftp://x\", from: [a] }\n"
	    "  k: { stdout: , where: 'foo' }\n"
	    "  l: { file: /tmp/x, when_full: spill }\n";
	static const char *const places[] = {
		"c:2:34: certificate /nonexistent/c: ", "c:3:14: /a/**/b: ", "c:4:24: pattern",
		"c:6:15: column 10: ", "c:7:25: \"a b\" ", "c:8:25: {b ",
		"c:9:15: cannot read /nonexistent/t: ", "c:11:14: /tmp/%q: ", "c:13:25: column 4: ",
		("c:14:33: \"spill\" needs a directory for the disk queue: give the configuration a "
		    "\"state\", such as /var/lib/weft-pipeline\n"),
	};
	struct config *c = config_parse("c", text, strlen(text));
	struct buf err = { 0 };
	weft_pipeline *p;

	CHECK_EQ(config_build(c, &p, &err), -EINVAL);
	CHECK(p == NULL);
	const char *line = buf_str(&err);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!CHECK(strncmp(line, places[i], strlen(places[i])) == 0))
			weft_logf("%s is not\n%s", places[i], line);
		line = strchr(line, '\n');
		REQUIRE(line);
		line++;
	}
	CHECK_STR(line, "");
	config_free(c);
	buf_finish(&err);
}

TEST(ConfigIsReadFromFiles)
{
	char path[512];
	struct config *c;
	struct buf err = { 0 };

	write_file("c.yaml", GOOD, strlen(GOOD));
	c = config_load(path_of(path, "c.yaml"));
	good(c);
	config_free(c);
	c = config_load("/nonexistent/c.yaml");
	CHECK(config_errors(c, &err));
	CHECK_STR(buf_str(&err),
	    "/nonexistent/c.yaml: cannot read it: No such file or directory\n");
	config_free(c);
	err.len = 0;
	c = config_load("/");
	CHECK(config_errors(c, &err));
	CHECK_STR(buf_str(&err), "/: cannot read it: Is a directory\n");
	config_free(c);
	buf_finish(&err);
}
