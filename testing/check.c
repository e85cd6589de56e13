/*
 * check.c - CHECK, REQUIRE, logging, skipping, clean-up and temporary directories
 *
 * A goroutine belongs to the test whose group it is in; it may outlive the test
 * when that is allowed to leak, but what it then reports has nowhere to go.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../weft/debug.h"
#include "harness.h"

const char *check_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Benchmarks have no group, so that what they measure is not tracked. */
weft_t *test_current(const char *what)
{
	struct group *gr = group_current();
	weft_t *t = gr ? gr->data : harness.benchmark;

	if (!t)
		die("%s outside of any test", what);
	return t;
}

/* "    file.c:12: message", with further lines below the message. */
static void log_line(weft_t *t, bool fail, const char *prefix, const char *fmt, va_list ap)
{
	struct buf message = {0}, b = {0};
	bool late;

	buf_vprintf(&message, fmt, ap);
	while (message.len && message.data[message.len - 1] == '\n')
		message.len--;
	buf_printf(&b, "    %s", prefix);
	for (size_t i = 0; i < message.len; i++) {
		buf_addc(&b, message.data[i]);
		if (message.data[i] == '\n')
			buf_adds(&b, "        ");
	}
	buf_addc(&b, '\n');
	harness_lock();
	late = t->reported;
	if (fail)
		atomic_store(&t->failed, true);
	if (!late)
		report_log_locked(t, b.data, b.len);
	harness_unlock();
	if (late && fail)
		die("%.*s after %s had ended", (int)(b.len - 5), b.data + 4, t->name);
	buf_finish(&message);
	buf_finish(&b);
}

void test_fail(weft_t *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(t, true, "", fmt, ap);
	va_end(ap);
}

static void place(char *buf, size_t n, const char *file, int line)
{
	snprintf(buf, n, "%s:%d: ", check_basename(file), line);
}

static void __attribute__((format(printf, 4, 5)))
fail_at(weft_t *t, const char *file, int line, const char *fmt, ...)
{
	char prefix[256];
	va_list ap;

	place(prefix, sizeof prefix, file, line);
	va_start(ap, fmt);
	log_line(t, true, prefix, fmt, ap);
	va_end(ap);
}

void weft_logf_(const char *file, int line, const char *fmt, ...)
{
	weft_t *t = test_current("weft_logf");
	char prefix[256];
	va_list ap;

	place(prefix, sizeof prefix, file, line);
	va_start(ap, fmt);
	log_line(t, false, prefix, fmt, ap);
	va_end(ap);
}

/* Ends the calling goroutine and, when it is the test's own, the test. */
static void __attribute__((noreturn)) give_up(weft_t *t)
{
	if (atomic_load(&t->goid) == weft_goid())
		test_end(t);
	weft_goexit();
}

bool weft_check_(bool ok, const char *cond, const char *file, int line)
{
	if (unlikely(!ok))
		fail_at(test_current("CHECK failed"), file, line, "CHECK(%s) failed", cond);
	return ok;
}

void weft_require_(bool ok, const char *cond, const char *file, int line)
{
	weft_t *t;

	if (likely(ok))
		return;
	t = test_current("REQUIRE failed");
	fail_at(t, file, line, "REQUIRE(%s) failed", cond);
	give_up(t);
}

/* In decimal; what may well be a pointer in hexadecimal too. */
static const char *value_text(intptr_t v, char buf[64])
{
	if (v > INT32_MAX || v < INT32_MIN)
		snprintf(buf, 64, "%jd (%#jx)", (intmax_t)v, (uintmax_t)v);
	else
		snprintf(buf, 64, "%jd", (intmax_t)v);
	return buf;
}

bool weft_check_eq_(intptr_t got, intptr_t want, const char *gots,
    const char *wants, const char *file, int line)
{
	char a[64], b[64];
	const char *text;

	if (likely(got == want))
		return true;
	text = value_text(want, b);
	if (strcmp(text, wants) == 0)
		fail_at(test_current("CHECK_EQ failed"), file, line, "%s is %s, want %s",
		    gots, value_text(got, a), text);
	else
		fail_at(test_current("CHECK_EQ failed"), file, line, "%s is %s, want %s = %s",
		    gots, value_text(got, a), wants, text);
	return false;
}

static void quote(struct buf *b, const char *s)
{
	static const char from[] = "\n\t\r\"\\", to[] = "ntr\"\\";

	if (!s) {
		buf_adds(b, "NULL");
		return;
	}
	buf_addc(b, '"');
	for (; *s; s++) {
		const char *special = strchr(from, *s);
		if (special)
			buf_printf(b, "\\%c", to[special - from]);
		else if ((unsigned char)*s < ' ' || *s == 0x7f)
			buf_printf(b, "\\%03o", *s);
		else
			buf_addc(b, *s);
	}
	buf_addc(b, '"');
}

bool weft_check_str_(const char *got, const char *want, const char *gots,
    const char *file, int line)
{
	struct buf a = {0}, b = {0};

	if (got == want || (got && want && strcmp(got, want) == 0))
		return true;
	quote(&a, got);
	quote(&b, want);
	fail_at(test_current("CHECK_STR failed"), file, line, "%s is %s, want %s", gots,
	    buf_str(&a), buf_str(&b));
	buf_finish(&a);
	buf_finish(&b);
	return false;
}

void weft_skip_(const char *file, int line, const char *why)
{
	weft_t *t = test_current("weft_skip");

	weft_logf_(file, line, "%s", why);
	atomic_store(&t->skipped, true);
	give_up(t);
}

void weft_cleanup(void (*f)(void *), void *arg)
{
	weft_t *t = test_current("weft_cleanup");
	struct cleanup *c = xmalloc(sizeof *c);

	*c = (struct cleanup){ .f = f, .arg = arg };
	harness_lock();
	c->next = t->cleanups;
	t->cleanups = c;
	harness_unlock();
}

/*
 * Taken off the list before it is called: it may end the goroutine with REQUIRE,
 * which comes here again for the rest, and it may register more.
 */
void test_cleanup(weft_t *t)
{
	struct cleanup *c, copy;

	for (;;) {
		harness_lock();
		if ((c = t->cleanups))
			t->cleanups = c->next;
		harness_unlock();
		if (!c)
			return;
		copy = *c;
		free(c);
		copy.f(copy.arg);
	}
}

const char *weft_tempdir(void)
{
	weft_t *t = test_current("weft_tempdir");
	const char *tmp = getenv("TMPDIR");
	struct buf b = {0};

	harness_lock();
	if (!t->tempdir) {
		buf_printf(&b, "%s/%s.XXXXXX", tmp && *tmp ? tmp : "/tmp", t->top->name);
		buf_str(&b);
		t->tempdir = mkdtemp(b.data);
	}
	harness_unlock();
	if (!t->tempdir)
		die("weft_tempdir: cannot make %s", b.data);
	return t->tempdir;
}

static void remove_below(int dir);

static void remove_entry(int dir, const char *name)
{
	int fd;

	if (unlinkat(dir, name, 0) == 0)
		return;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	remove_below(fd);
	unlinkat(dir, name, AT_REMOVEDIR);
}

/* Takes the descriptor. */
static void remove_below(int dir)
{
	DIR *d = fdopendir(dir);

	if (!d) {
		close(dir);
		return;
	}
	for (struct dirent *e; (e = readdir(d)); )
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			remove_entry(dir, e->d_name);
	closedir(d);
}

void tempdir_remove(weft_t *t)
{
	if (!t->tempdir)
		return;
	remove_entry(AT_FDCWD, t->tempdir);
	free(t->tempdir);
	t->tempdir = NULL;
}
