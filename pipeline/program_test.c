/*
 * program_test.c - weft-pipeline as people call it: what it prints, and its exit status
 *
 * The program is the one beside this test.  Its standard error is a pipe that is read until
 * it says what is waited for, so nothing here sleeps.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "testfiles.h"
#include "weft/net.h"

#define WORDS 24
#define PATIENCE (30 * WEFT_SECOND)

struct child { pid_t pid; int err, hangs; struct buf said; };

static const char *
program(void)
{
	static char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 20);
	char *slash;

	REQUIRE(n > 0);
	path[n] = '\0';
	slash = strrchr(path, '/');
	strcpy(slash, "/weft-pipeline");
	if (access(path, X_OK) < 0)
		weft_skip("the program is not built");
	return path;
}

/* In the test's directory; standard input and output are files there. */
static void
become(const char *file, char **words, int err)
{
	int in = open("stdin", O_RDONLY), out = open("stdout", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	dup2(in < 0 ? open("/dev/null", O_RDONLY) : in, 0);
	dup2(out, 1);
	dup2(err, 2);
	execv(file, words);
	_exit(127);
}

/* line: the words behind the program's name, with blanks between; 'as in the shell'. */
static int
split(char *line, char **words)
{
	int n = 0;

	for (char *p = line; *p && n < WORDS - 1; ) {
		char end = *p == '\'' ? '\'' : ' ';

		p += end == '\'';
		words[n++] = p;
		p += strcspn(p, end == '\'' ? "'" : " ");
		if (*p)
			*p++ = '\0';
		p += strspn(p, " ");
	}
	words[n] = NULL;
	return n;
}

static struct child
start(const char *line)
{
	const char *file = program(), *dir = weft_tempdir();
	char text[1024], *words[WORDS] = { (char *)file };
	struct child c = { 0 };
	int fds[2];

	snprintf(text, sizeof(text), "%s", line);
	split(text, words + 1);
	REQUIRE(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
	weft_enter_blocking();
	c.pid = fork();
	if (c.pid == 0) {
		fcntl(fds[1], F_SETFL, 0);
		if (chdir(dir) == 0)
			become(file, words, fds[1]);
		_exit(127);
	}
	weft_leave_blocking();
	REQUIRE(c.pid > 0);
	close(fds[1]);
	c.err = fds[0];
	return c;
}

/* One that hangs has to show the stacks of its goroutines, and is ended then. */
static void
listen_more(struct child *c)
{
	weft_ctx *patience = weft_with_timeout(NULL, PATIENCE);

	if (weft_wait_fd(patience, c->err, POLLIN) < 0)
		kill(c->pid, c->hangs++ ? SIGKILL : SIGQUIT);
	weft_ctx_free(patience);
}

/* Reads what it says until text is in it; NULL: until the end. */
static void
listen_for(struct child *c, const char *text)
{
	for (;;) {
		ssize_t n;

		if (text && c->said.len && strstr(buf_str(&c->said), text))
			break;
		buf_grow(&c->said, 4096);
		n = read(c->err, c->said.data + c->said.len, 4096);
		if (n > 0)
			c->said.len += n;
		else if (n == 0 || errno != EAGAIN)
			break;
		else
			listen_more(c);
	}
	if (text && !strstr(buf_str(&c->said), text))
		CHECK_STR(buf_str(&c->said), text);	/* it ended without */
}

static int
finish(struct child *c)
{
	int status = 0;

	listen_for(c, NULL);
	close(c->err);
	weft_enter_blocking();
	waitpid(c->pid, &status, 0);
	weft_leave_blocking();
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Runs it to its end and compares; want_err NULL: whatever it says. */
static void
check_run(const char *line, int want, const char *want_err)
{
	struct child c = start(line);
	int status = finish(&c);

	if (!CHECK_EQ(status, want))
		weft_logf("%s\n%s", line, buf_str(&c.said));
	if (want_err)
		CHECK_STR(buf_str(&c.said), want_err);
	buf_finish(&c.said);
}

static void
write_text(const char *name, const char *text)
{
	write_file(name, text, strlen(text));
}

static bool
file_has(const char *name, const char *text)
{
	size_t len;
	char *got = read_file(name, &len);
	bool has = strstr(got, text);

	if (!has)
		weft_logf("%s:\n%s", name, got);
	free(got);
	return has;
}

TEST(ProgramSaysHowItIsCalled)
{
	check_run("--help", 0, "");
	CHECK(file_has("stdout", "\nusage:\n    weft-pipeline run "));
	check_run("run --help", 0, "");
	CHECK(file_has("stdout", "usage: weft-pipeline run -c CONFIG [options]\n"));
	check_run("--version", 0, "");
	check_run("", 2, "weft-pipeline: what to do? see weft-pipeline --help\n");
	check_run("chekc", 2, "weft-pipeline: there is no command 'chekc'; did you mean check?\n");
	check_run("fly", 2, "weft-pipeline: there is no command 'fly'; see weft-pipeline --help\n");
	check_run("run", 2, "weft-pipeline run: no input: name a configuration (-c), or files, or - "
	    "for standard input; see weft-pipeline run --help\n");
	check_run("run -x y", 2,
	    "weft-pipeline run: there is no option '-x'; see weft-pipeline run --help\n");
	check_run("run -c c -l info", 2, "weft-pipeline run: this option does not go with a "
	    "configuration: '--level'; see weft-pipeline run --help\n");
	check_run("run --drain x a", 2, "weft-pipeline run: a duration is 30s or 200ms, not 'x'; see "
	    "weft-pipeline run --help\n");
	check_run("pipe --limit 5", 2, "weft-pipeline pipe: the rate '5' is wrong: it does not say "
	    "per what; see weft-pipeline pipe --help\n");
	check_run("gen", 2, "weft-pipeline gen: how many lines? say --lines N\n");
	check_run("check", 2, "weft-pipeline check: no configuration: name one by -c FILE\n");
}

TEST(ProgramRunsFilesToTheirEnd)
{
	check_run("gen --lines 1000 --seed 7 -o in.jsonl", 0, "");
	check_run("run -q --level info -o file:out.jsonl -o file:all.txt in.jsonl", 0, "");
	check_run("verify --level info out.jsonl", 0, "");
	CHECK(file_has("stdout", " lines verified, 0 others; 0 lost, 0 doubled, 0 torn, "
	    "0 out of order\n"));
	check_run("run -o file:out.jsonl in.jsonl", 0, NULL);	/* replaced, not added to */
	check_run("verify out.jsonl", 0, "");
	CHECK(file_has("stdout", "1000 lines verified, 0 others; 0 lost"));
	check_run("run -o append:in.jsonl in.jsonl", 2, "weft-pipeline run: this output is also an "
	    "input; choose another file than 'append:in.jsonl'; see weft-pipeline run --help\n");
	check_run("run -o nowhere in.jsonl", 2, "weft-pipeline run: an output is stdout, file:PATH "
	    "or append:PATH, not 'nowhere'; see weft-pipeline run --help\n");
}

TEST(ProgramTakesFilesByTheirNames)
{
	write_text("a b*[1].log", "one\n");
	write_text("a bc1.log", "two\n");
	check_run("run -q -o stdout,raw 'a b*[1].log'", 0, "");
	check_file("stdout", "one\n");
}

TEST(ProgramPipes)
{
	write_text("stdin", "{\"level\":\"info\",\"msg\":\"a\"}\n"
	    "{\"level\":\"error\",\"msg\":\"mail to ann@example.org\"}\n");
	check_run("pipe -w 'level >= error' -r email -s k=v -o json", 0, "");
	CHECK(file_has("stdout", "\"msg\":\"mail to [email]\""));
	CHECK(file_has("stdout", "\"k\":\"v\""));
	check_run("pipe -w 'level >= ' -o json", 2, NULL);
	write_text("in", "u=a n=1\nu=b n=2\nu=a n=3\nu=b n=4\n");
	check_run("pipe -p logfmt --dedup 1h,u -o raw in", 0, "");
	check_file("stdout", "u=a n=1\nu=b n=2\n");
	check_run("pipe -p logfmt --limit 3/h -w 'n > 1' -o raw in", 0, "");
	check_file("stdout", "u=b n=2\nu=a n=3\n");
	check_run("pipe -p logfmt -w 'n > 1' --limit 2/h -o raw in", 0, "");
	check_file("stdout", "u=b n=2\nu=a n=3\n");
	check_run("pipe --regex 'u=(?<who>.)' -w 'who == \"b\"' -o raw in", 0, "");
	check_file("stdout", "u=b n=2\nu=b n=4\n");
	check_run("pipe --sample 100% -s 'n2={n}-x' -o json -p logfmt in", 0, "");
	CHECK(file_has("stdout", "\"n2\":\"4-x\""));
	check_run("pipe --to out.json", 0, "");
	CHECK(file_has("out.json", "ann@example.org"));
}

static const char good[] =
"state: st\n"
"sources: { a: { file: in.log, format: json } }\n"
"steps: { keep: { where: 'level >= info' } }\n"
"outputs: { o: { file: out.jsonl, format: raw }, dead: { file: dead.jsonl } }\n"
"errors: dead\n"
"tests:\n"
"  - { input: '{\"level\":\"debug\"}', expect: dropped by keep }\n"
"  - { input: '{\"level\":\"warn\",\"a\":\"1\"}', expect: { level: warn, a: 1 } }\n"
"  - { name: broken, input: '{', expect: dead }\n";

TEST(ProgramChecksConfigurations)
{
	write_text("in.log", "");
	write_text("c.yaml", good);
	check_run("check -c c.yaml", 0, "");
	check_file("stdout", "c.yaml is good\n    sources  a (file)\n    steps    keep (where)\n"
	    "    outputs  o (file), dead (file)\n    errors   go to dead\n"
	    "    tests    3; weft-pipeline test -c c.yaml runs them\n");
	write_text("bad.yaml", "sources: { a: { fil: x } }\nsteps: { s: { where: 'level >=' } }\n"
	    "outputs: { o: { stdout: } }\n");
	struct child c = start("check -c bad.yaml");
	CHECK_EQ(finish(&c), 1);
	CHECK(strstr(buf_str(&c.said), "bad.yaml:1:17: there is no key \"fil\" in a source; did you "
	    "mean \"file\"?\nbad.yaml:2:22: ") != NULL);
	buf_finish(&c.said);
}

TEST(ProgramLooksAtTheMachine)
{
	weft_listener *l;
	char text[512];

	program();		/* or there is nothing to test */
	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &l) == 0);
	snprintf(text, sizeof(text), "listen: \"%s\"\nsources: { a: { file: none } }\n"
	    "outputs: { o: { file: /tmp/x }, d: { file: c.yaml/x } }\n",
	    weft_listener_addr(l) + strlen("tcp://"));
	write_text("c.yaml", text);
	struct child c = start("check -c c.yaml");
	CHECK_EQ(finish(&c), 1);
	const char *said = buf_str(&c.said);
	CHECK(strstr(said, "c.yaml:1:9: cannot listen at 127.0.0.1:") != NULL);
	CHECK(strstr(said, ": Address already in use\n") != NULL);
	CHECK(strstr(said, "c.yaml:3:44: c.yaml is not a directory\n") != NULL);
	CHECK(strstr(said, "note: c.yaml:2:23: no file matches none now\n") != NULL);
	buf_finish(&c.said);
	check_run("check -n -q -c c.yaml", 0, "");
	weft_listener_close(l);
}

TEST(ProgramRunsTheTestsOfAConfiguration)
{
	write_text("c.yaml", good);
	check_run("test -c c.yaml", 0, "");
	check_file("stdout", "3 passed, 0 failed\n");
	write_text("bad.yaml", "sources: { a: { stdin: json } }\noutputs: { o: { stdout: } }\n"
	    "steps: { keep: { where: 'level >= warn' } }\ntests:\n"
	    "  - { name: one, input: '{\"level\":\"warn\"}', expect: dropped by keep }\n"
	    "  - { input: '{\"level\":\"error\",\"a\":\"1\"}', expect: { a: 2, b: 3 } }\n");
	check_run("test -c bad.yaml", 1, "");
	CHECK(file_has("stdout", "FAIL: one (line 5)\n"
	    "bad.yaml:5:53: not dropped by keep, but kept: {"));
	CHECK(file_has("stdout", "FAIL: test (line 6)\n"
	    "bad.yaml:6:51: a is \"1\", not \"2\"; there is no b\n"));
	CHECK(file_has("stdout", "0 passed, 2 failed\n"));
}

/* Each line once, over three runs, one of which is told to stop. */
TEST(ProgramGoesOnWhereItWas)
{
	struct child c;

	write_text("in.log", "{\"n\":1}\n{\"n\":2}\n");
	write_text("c.yaml", "state: st\nsources: { a: { file: in.log, once: true } }\n"
	    "outputs: { o: { file: out.jsonl, format: raw } }\n");
	check_run("run -q -c c.yaml", 0, "");
	check_file("out.jsonl", "{\"n\":1}\n{\"n\":2}\n");
	check_run("run -q -c c.yaml", 0, "");
	check_file("out.jsonl", "{\"n\":1}\n{\"n\":2}\n");
	write_text("c.yaml", "state: st\nsources: { a: { file: in.log } }\n"
	    "outputs: { o: { file: out.jsonl, format: raw } }\n");
	c = start("run -c c.yaml --progress");
	listen_for(&c, " read, ");			/* it runs */
	kill(c.pid, SIGTERM);
	listen_for(&c, "stopping; what has been read is still delivered");
	CHECK_EQ(finish(&c), 0);
	CHECK(strstr(buf_str(&c.said), "  balanced\n") != NULL);
	buf_finish(&c.said);
	check_file("out.jsonl", "{\"n\":1}\n{\"n\":2}\n");
}

TEST(ProgramReloads)
{
	struct child c;

	write_text("in.log", "");
	write_text("c.yaml", good);
	c = start("run -c c.yaml --progress");
	listen_for(&c, " read, ");
	write_text("c.yaml", "sources: [\n");
	kill(c.pid, SIGHUP);
	listen_for(&c, "weft-pipeline run: c.yaml is refused; the old configuration goes on\n"
	    "c.yaml:2:1: this is not YAML");
	write_text("c.yaml", "state: st\nsources: { b: { file: in.log, format: json } }\n"
	    "outputs: { o: { file: other.jsonl } }\n");
	kill(c.pid, SIGHUP);
	listen_for(&c, "c.yaml is read again and in force\n");
	kill(c.pid, SIGTERM);
	if (!CHECK_EQ(finish(&c), 0))
		weft_logf("%s", buf_str(&c.said));
	buf_finish(&c.said);
}

TEST(ProgramSaysWhatIsLeft)
{
	struct child c;

	write_text("in.log", "one\n");
	write_text("c.yaml", "state: st\nsources: { a: { file: in.log } }\n"
	    "outputs: { o: { syslog: \"unix:/nonexistent/s\" } }\n");
	c = start("run -c c.yaml --drain 10ms");
	listen_for(&c, "cannot write to o: ");
	kill(c.pid, SIGTERM);
	CHECK_EQ(finish(&c), 1);
	CHECK(strstr(buf_str(&c.said), "o: 1 lines of a are not delivered; "
	    "the next run will read them again\n") != NULL);
	buf_finish(&c.said);
}

/* Its output takes nothing, so the first signal has no end. */
TEST(ProgramStopsAtOnceAtTheSecondSignal)
{
	char text[1024], addr[512];
	weft_listener *l;
	struct child c;

	program();
	snprintf(addr, sizeof(addr), "unix:%s/s", weft_tempdir());
	REQUIRE(weft_listen(NULL, addr, &l) == 0);
	snprintf(text, sizeof(text), "sources: { a: { file: in.log } }\n"
	    "outputs: { o: { syslog: \"%s\" } }\n", addr);
	write_text("c.yaml", text);
	check_run("gen --lines 50000 -o in.log", 0, "");
	c = start("run -c c.yaml --progress");
	listen_for(&c, " read, ");
	kill(c.pid, SIGTERM);
	listen_for(&c, "stopping");
	kill(c.pid, SIGTERM);
	CHECK_EQ(finish(&c), 128 + SIGTERM);
	buf_finish(&c.said);
	weft_listener_close(l);
}
