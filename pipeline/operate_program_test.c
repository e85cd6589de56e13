/* operate_program_test.c - ledger, dead, tap and top as they are called, and top's screen */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "rig_test.h"
#include "top.h"

static const char *
program(void)
{
	static char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 20);

	REQUIRE(n > 0);
	path[n] = '\0';
	strcpy(strrchr(path, '/'), "/weft-pipeline");
	if (access(path, X_OK) < 0)
		weft_skip("the program is not built");
	return path;
}

/* In the test's directory; the exit status.  out: what it wrote, both ways. */
static int
call(const char *arguments, struct buf *out)
{
	char line[1024];
	int status;
	size_t n;
	FILE *f;

	snprintf(line, sizeof(line), "cd '%s' && exec '%s' %s 2>&1", weft_tempdir(), program(),
	    arguments);
	f = popen(line, "re");
	REQUIRE(f != NULL);
	out->len = 0;
	do {
		buf_grow(out, 65536);
		n = fread(out->data + out->len, 1, 65536, f);
		out->len += n;
	} while (n);
	buf_str(out);
	status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool
has(struct buf *b, const char *text)
{
	bool is = strstr(buf_str(b), text) != NULL;

	if (!is)
		weft_logf("\"%s\" is not in: %s", text, b->data);
	return is;
}

static const char lines[] = "one\nerror two\n{\"level\":\"debug\"}\n{broken\nlast\n";

TEST(LedgerCommandFindsWhatDoesNotBalance)
{
	struct buf out = { 0 };
	char path[600];
	struct rig r;
	sqlite3 *db;

	write_file("in", lines, sizeof(lines) - 1);
	rig_init(&r, true);
	rig_start(&r);
	rig_wait(&r, 5);
	CHECK_EQ(call("ledger -s state", &out), 0);
	CHECK(has(&out, "as of now, from process "));
	CHECK_EQ(call("ledger -s state -j", &out), 0);
	CHECK(has(&out, "\"read\":5,\"delivered\":4,"));
	CHECK(has(&out, "\"balanced\":true}"));
	rig_finish(&r);
	CHECK_EQ(call("ledger --state state", &out), 0);
	CHECK(has(&out, "as of the last checkpoint, from state; no process runs"));
	snprintf(path, sizeof(path), "%s/state.db", r.state);
	REQUIRE(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK_EQ(sqlite3_exec(db, "INSERT INTO ledger (source, output, read, expected, delivered)"
	    " VALUES ('s', 'o', 7, 7, 6)", NULL, NULL, NULL), 0);
	sqlite3_close(db);
	CHECK_EQ(call("ledger -s state", &out), 1);
	CHECK(has(&out, "NOT BALANCED"));
	CHECK(has(&out, "s to o does not balance: 7 lines were read, and 6 are accounted for"));
	CHECK_EQ(call("ledger -s nothing", &out), 1);
	CHECK(has(&out, "is nothing a state directory?"));
	CHECK_EQ(call("ledger -x", &out), 2);
	CHECK_EQ(call("ledger something", &out), 2);
	CHECK_EQ(call("ledger --help", &out), 0);
	CHECK(has(&out, "read = delivered + filtered + dead"));
	buf_finish(&out);
}

TEST(TapAndTopCommandsAskTheProcess)
{
	struct buf out = { 0 };
	struct rig r;

	write_file("in", lines, sizeof(lines) - 1);
	rig_init(&r, true);
	CHECK_EQ(weft_pipeline_where(r.p, "keep", "level >= info"), 0);
	rig_start(&r);
	rig_wait(&r, 5);
	CHECK_EQ(call("top -s state", &out), 0);
	CHECK(has(&out, "every line is accounted for\n"));
	CHECK(has(&out, "\nkeep "));
	CHECK(has(&out, "\nout "));
	CHECK_EQ(call("top -s state --json", &out), 0);
	CHECK(has(&out, "{\"source\":\"app\",\"lines\":5,"));
	CHECK_EQ(call("tap -s state nonsense", &out), 1);
	CHECK(has(&out, "there is no step nonsense; there is keep"));
	CHECK_EQ(call("tap -s state", &out), 2);
	CHECK_EQ(call("tap -s state sauce app", &out), 2);
	CHECK_EQ(call("tap -s state -w 'level >' keep", &out), 1);
	rig_finish(&r);
	CHECK_EQ(call("top -s state", &out), 1);
	CHECK(has(&out, "no weft-pipeline runs with the state directory state"));
	CHECK_EQ(call("tap -s state keep", &out), 1);
	buf_finish(&out);
}

static const char config[] =
    "state: state\n"
    "sources:\n  app: { file: in, format: plain }\n"
    "outputs:\n  out: { file: out, format: raw }\n  dead: { file: dead }\n"
    "errors: dead\n";

TEST(DeadCommandCountsAndReplays)
{
	static const char letters[] =
	    "{\"source\":\"app\",\"seq\":1,\"reason\":\"odd\",\"line\":\"x\"}\n"
	    "{\"source\":\"app\",\"seq\":2,\"reason\":\"odd\",\"line\":\"y\"}\n"
	    "{\"source\":\"old\",\"seq\":3,\"output\":\"es\",\"reason\":\"no\",\"line\":\"z\"}\n";
	struct buf out = { 0 };

	write_file("c.yaml", config, sizeof(config) - 1);
	write_file("in", "not read now\n", 13);
	write_file("dead", letters, sizeof(letters) - 1);
	CHECK_EQ(call("dead ls -c c.yaml", &out), 0);
	CHECK_STR(buf_str(&out), "           2  app: odd\n           1  old, rejected by es: no\n"
	    "           3  dead letters\n");
	CHECK_EQ(call("dead ls -j dead", &out), 0);
	CHECK(has(&out, "{\"letters\":2,\"source\":\"app\",\"reason\":\"odd\"}\n"));
	CHECK_EQ(call("dead replay -c c.yaml", &out), 0);
	CHECK(has(&out, "dead: 2 letters replayed"));
	CHECK(has(&out, "1 letters of sources or outputs that the configuration does not have"));
	check_file("out", "x\ny\n");
	CHECK_EQ(call("dead replay -c c.yaml missing", &out), 1);
	CHECK(has(&out, "there are no dead letters"));
	CHECK_EQ(call("ledger -c c.yaml", &out), 0);
	CHECK_EQ(call("dead rename", &out), 2);
	CHECK_EQ(call("dead", &out), 2);
	buf_finish(&out);
}

static pid_t
start_replay(const char *file, const char *dir)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	null = open("/dev/null", O_RDWR);
	dup2(null, 1);
	dup2(null, 2);
	if (chdir(dir) == 0)
		execl(file, file, "dead", "replay", "-c", "c.yaml", (char *)NULL);
	_exit(127);
}

/* kill -9 wherever it happens to be, then once to the end. */
TEST(KilledReplayLosesNothingAndDoublesNothing)
{
	const char *file = program(), *dir = weft_tempdir();
	int killed = 0, status, all = weft_short() ? 20000 : 100000;
	struct buf letters = { 0 }, want = { 0 }, out = { 0 };

	write_file("c.yaml", config, sizeof(config) - 1);
	write_file("in", "", 0);
	for (int i = 0; i < all; i++) {
		buf_printf(&letters, "{\"source\":\"app\",\"reason\":\"r\","
		    "\"line\":\"line %d\"}\n", i);
		buf_printf(&want, "line %d\n", i);
	}
	write_file("dead", letters.data, letters.len);
	for (int i = 0; i < 8; i++) {
		pid_t pid = start_replay(file, dir);

		REQUIRE(pid > 0);
		weft_sleep((int64_t)(weft_random() % 120) * WEFT_MS);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		killed += WIFSIGNALED(status);
	}
	weft_logf("%d of 8 were killed", killed);
	status = call("dead replay -c c.yaml", &out);
	CHECK(status == 0 || has(&out, "there are no dead letters"));
	check_file("out", buf_str(&want));
	CHECK_EQ(call("ledger -c c.yaml", &out), 0);
	buf_finish(&letters);
	buf_finish(&want);
	buf_finish(&out);
}

static void
hears(int fd, const char *want)
{
	char text[512];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	REQUIRE(n > 0);
	text[n] = '\0';
	if (strncmp(text, want, strlen(want)) != 0)
		CHECK_STR(text, want);
}

static pid_t
start_service(const char *file, const char *dir)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	null = open("/dev/null", O_RDWR);
	dup2(null, 1);
	dup2(null, 2);
	setenv("NOTIFY_SOCKET", "/proc/self/cwd/notify", 1);
	if (chdir(dir) == 0)
		execl(file, file, "run", "-q", "-c", "c.yaml", "--listen", "127.0.0.1:0",
		    (char *)NULL);
	_exit(127);
}

TEST(ServiceManagerIsToldOfEveryTurn)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *file = program(), *dir = weft_tempdir();
	char path[512];
	int fd, status;
	pid_t pid;

	write_file("c.yaml", config, sizeof(config) - 1);
	write_file("in", "one\n", 4);
	path_of(path, "notify");
	REQUIRE(strlen(path) < sizeof(addr.sun_path));
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	REQUIRE(bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	pid = start_service(file, dir);
	hears(fd, "READY=1");
	kill(pid, SIGHUP);
	hears(fd, "RELOADING=1\nMONOTONIC_USEC=");
	hears(fd, "READY=1");
	kill(pid, SIGTERM);
	hears(fd, "STOPPING=1");
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	close(fd);
}

static void
add(struct snapshot *s, int kind, struct snap_row row)
{
	s->rows[kind] = xrealloc(s->rows[kind], (s->count[kind] + 1) * sizeof(row));
	for (int i = 0; i < SNAP_TEXTS; i++)
		row.text[i] = xstrdup(row.text[i] ? row.text[i] : "");
	s->rows[kind][s->count[kind]++] = row;
}

static void
sample(struct snapshot *s, int64_t at, uint64_t read, uint64_t waits)
{
	*s = (struct snapshot){ 0 };
	add(s, SNAP_PROCESS, (struct snap_row){ .n = { [PROCESS_NOW] = at, [PROCESS_LIMIT] = 100,
	    [PROCESS_MEMORY] = 50, [PROCESS_LINES] = read } });
	add(s, SNAP_SOURCE, (struct snap_row){ .text = { "b\303\244d\033[2J" },
	    .n = { [SOURCE_LINES] = read } });
	add(s, SNAP_OUTPUT, (struct snap_row){ .text = { "es", "refused" }, .n = {
	    [OUTPUT_QUEUE] = 75, [OUTPUT_LIMIT] = 100, [OUTPUT_WAITS] = waits } });
	add(s, SNAP_LEDGER, (struct snap_row){ .text = { "app", "es" }, .n = {
	    [LEDGER_BALANCED] = waits == 0 } });
}

TEST(TopShowsRatesAndFits)
{
	struct snapshot one, two;
	struct buf out = { 0 };
	int n = 0, widest = 0, col = 0;

	sample(&one, 10 * WEFT_SECOND, 1000, 0);
	sample(&two, 12 * WEFT_SECOND, 21000, 3);
	top_draw(&two, &one, 0, 200, false, &out);
	CHECK(has(&out, "   10.0k lines/s"));
	CHECK(has(&out, "memory [||||||      ]  50%"));
	CHECK(has(&out, "[|||||||||   ]  75%"));
	CHECK(has(&out, " all wait for it"));
	CHECK(has(&out, "app to es does not balance"));
	CHECK(!memchr(out.data, '\033', out.len));	/* names do not control the terminal */
	out.len = 0;
	top_draw(&two, NULL, 5, 20, false, &out);
	for (size_t i = 0; i < out.len; i++) {
		col = out.data[i] == '\n' ? 0 : col + ((out.data[i] & 0xc0) != 0x80);
		widest = col > widest ? col : widest;
		n += out.data[i] == '\n';
	}
	CHECK_EQ(n, 5);
	CHECK_EQ(widest, 20);
	snapshot_finish(&one);
	snapshot_finish(&two);
	buf_finish(&out);
}
