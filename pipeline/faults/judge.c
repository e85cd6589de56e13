/*
 * judge.c - what is in the outputs, and what the ledger says
 *
 * Compressed outputs are unpacked beside themselves first.  The ledger is read from its
 * database, not asked of the program: what counts is what a restart would find.
 */
#include <fcntl.h>
#include <glob.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "pipeline/gen.h"
#include "pipeline/inflate.h"
#include "weft/net.h"

static const char query[] =
"SELECT count(*), sum(read), sum(expected), sum(delivered), sum(filtered), sum(dead),"
" sum(sampled), sum(limited), sum(repeated), sum(full), sum(spilled), sum(bytes), sum(lost),"
" sum(read != delivered + filtered + dead + sampled + limited + repeated + full + spilled"
" OR read != expected), (SELECT count(*) FROM spill WHERE ?2 IS NULL OR output = ?2)"
" FROM ledger WHERE (?1 IS NULL OR source = ?1) AND (?2 IS NULL OR output = ?2)";

static bool
sums(sqlite3 *db, const char *source, const char *output, struct sums *out)
{
	sqlite3_stmt *q = NULL;
	bool ok = sqlite3_prepare_v2(db, query, -1, &q, NULL) == SQLITE_OK;

	if (ok) {
		sqlite3_bind_text(q, 1, source, -1, SQLITE_STATIC);
		sqlite3_bind_text(q, 2, output, -1, SQLITE_STATIC);
		ok = sqlite3_step(q) == SQLITE_ROW;
	}
	for (size_t i = 0; ok && i < sizeof(*out) / sizeof(uint64_t); i++)
		((uint64_t *)out)[i] = sqlite3_column_int64(q, i);
	sqlite3_finalize(q);
	return ok;
}

bool
ledger_sums(struct lab *l, const char *source, const char *output, struct sums *out)
{
	const char *path = lab_path(l, "st/state.db");
	sqlite3 *db = NULL;
	bool ok;

	*out = (struct sums){ 0 };
	if (access(path, R_OK) < 0)
		return false;
	weft_enter_blocking();
	ok = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK;
	if (ok) {
		sqlite3_busy_timeout(db, 10000);
		ok = sums(db, source, output, out);
	}
	sqlite3_close(db);
	weft_leave_blocking();
	return ok;
}

static void
tell(struct lab *l, const char *source, const char *output, uint64_t lines)
{
	struct sums s;

	ledger_sums(l, source, output, &s);
	weft_logf("%s, %s: %llu lines were written; read %llu expected %llu delivered %llu "
	    "filtered %llu dead %llu full %llu spilled %llu lost %llu bytes",
	    source ? source : "all", output ? output : "all", (unsigned long long)lines,
	    (unsigned long long)s.read, (unsigned long long)s.expected,
	    (unsigned long long)s.delivered, (unsigned long long)s.filtered,
	    (unsigned long long)s.dead, (unsigned long long)s.full,
	    (unsigned long long)s.spilled, (unsigned long long)s.lost);
}

void
await_read(struct lab *l, const char *source, const char *output, uint64_t lines)
{
	int64_t until = weft_now() + LIMIT;
	struct sums s;
	int status;

	while (!ledger_sums(l, source, output, &s) || s.read < lines || s.waiting) {
		if (l->pid && lab_ended(l, &status)) {
			weft_logf("it ended with %d meanwhile", status);
			until = 0;
		}
		if (weft_now() > until) {
			tell(l, source, output, lines);
			REQUIRE(!"everything is read in time");
			return;
		}
		weft_sleep(10 * WEFT_MS);
	}
}

/* What is lost nobody can wait for. */
void
await_quiet(struct lab *l)
{
	int64_t since = weft_now(), until = since + LIMIT;
	struct sums s, before = { 0 };

	while (weft_now() - since < 2 * WEFT_SECOND && weft_now() < until) {
		if (ledger_sums(l, NULL, NULL, &s) && memcmp(&s, &before, sizeof(s)) != 0) {
			before = s;
			since = weft_now();
		}
		weft_sleep(20 * WEFT_MS);
	}
	CHECK(weft_now() < until);
}

void
check_read(struct lab *l, const char *source, const char *output, uint64_t lines)
{
	struct sums s;

	REQUIRE(ledger_sums(l, source, output, &s));
	if (!CHECK_EQ(s.read, lines))
		tell(l, source, output, lines);
}

void
check_balanced(struct lab *l, bool left)
{
	struct sums s;

	REQUIRE(ledger_sums(l, NULL, NULL, &s));
	CHECK(s.rows > 0);
	if (!CHECK_EQ(s.unbalanced, 0) || (!left && !CHECK_EQ(s.waiting, 0)) ||
	    (!left && !CHECK_EQ(s.spilled, 0)))
		tell(l, NULL, NULL, 0);
}

static bool
ends_with(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);

	return n >= m && strcmp(path + n - m, end) == 0;
}

static void
unpack(const char *path, enum packing how, char to[500])
{
	static const size_t step = 256 << 10;
	int in = open(path, O_RDONLY | O_CLOEXEC), out;
	struct inflate *x = inflate_new(in, how);
	char *data = malloc(step);
	ssize_t n;

	snprintf(to, 500, "%s.unpacked", path);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	REQUIRE(in >= 0 && out >= 0);
	while ((n = inflate_read(x, data, step)) > 0)
		REQUIRE(write(out, data, n) == n);
	if (!CHECK_EQ(n, 0))
		weft_logf("%s is broken", path);
	inflate_free(x);
	free(data);
	close(in);
	close(out);
}

static void
verify_file(weft_verify *v, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum packing how = fd < 0 ? PACKED_NOT : packing_of_file(fd);
	char unpacked[500];

	close(fd);
	if (ends_with(path, ".unpacked"))
		return;
	if (how == PACKED_NOT) {
		CHECK_EQ(weft_verify_file(v, path), 0);
		return;
	}
	unpack(path, how, unpacked);
	CHECK_EQ(weft_verify_file(v, unpacked), 0);
	unlink(unpacked);
}

void
verify_files(struct lab *l, const char *patterns, int level, struct weft_verify_counts *out)
{
	weft_verify *v = weft_verify_new(level);
	char *list = strdup(patterns), *save = NULL, *findings = malloc(8192);
	glob_t found = { 0 };
	int more = 0;

	for (char *p = strtok_r(list, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		glob(lab_path(l, p), more, NULL, &found);
		more = GLOB_APPEND;
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		verify_file(v, found.gl_pathv[i]);
	weft_verify_end(v, out, findings, 8192);
	if (*findings)
		weft_logf("%s: %s", patterns, findings);
	globfree(&found);
	weft_verify_free(v);
	free(list);
	free(findings);
}

void
check_verify(struct lab *l, const char *patterns, int level)
{
	struct weft_verify_counts c;

	verify_files(l, patterns, level, &c);
	CHECK(c.lines > 0);
	CHECK_EQ(c.lost, 0);
	CHECK_EQ(c.doubled, 0);
	CHECK_EQ(c.torn, 0);
	CHECK_EQ(c.other, 0);
}

uint64_t
size_of_files(struct lab *l, const char *pattern)
{
	glob_t found = { 0 };
	struct stat st;
	uint64_t sum = 0;

	glob(lab_path(l, pattern), 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++)
		sum += stat(found.gl_pathv[i], &st) == 0 ? st.st_size : 0;
	globfree(&found);
	return sum;
}

uint64_t
gen_kept(const struct weft_gen_options *gen, int level)
{
	uint64_t n = 0;

	for (uint64_t seq = 1; seq <= gen->lines; seq++)
		n += gen_level(gen->seed, gen->source, seq) >= level;
	return n;
}
