/*
 * inject.c - preloaded into the program: system calls that fail, end the process, or lie
 *
 *	INJECT_UNDER=WORDS	calls that change files whose path has one of them, by colons
 *	INJECT_DIE=N		the Nth such call ends the process, with status 86, before it is
 *				made; of a write, half is written first, if N is even
 *	INJECT_ERROR=NUMBER	such calls fail with that errno ...
 *	INJECT_ONE_IN=N		... but only one in N, by chance; INJECT_SEED chooses which
 *	INJECT_WHILE=PATH	... and only as long as that file is there
 *	INJECT_CLOCK=PATH	the wall clock is ahead by as many seconds as that file says
 *
 * The calls are those of the program and of its libraries (SQLite) alike.  Writes that fail for a
 * full disk may have written a part first, as real ones do.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define DIED	86

static const char *under, *gate, *clock_file;
static long die_at, calls, error, one_in;
static unsigned long seed;

static long
number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void
begin(void)
{
	under = getenv("INJECT_UNDER");
	gate = getenv("INJECT_WHILE");
	clock_file = getenv("INJECT_CLOCK");
	die_at = number("INJECT_DIE");
	error = number("INJECT_ERROR");
	one_in = number("INJECT_ONE_IN");
	seed = number("INJECT_SEED") + 1;
}

static int
matches(const char *path)
{
	const char *word = under;
	char one[200];

	while (word && *word) {
		size_t n = strcspn(word, ":");

		snprintf(one, sizeof(one), "%.*s", (int)n, word);
		if (n && strstr(path, one))
			return 1;
		word += n + (word[n] == ':');
	}
	return 0;
}

static int
is_file(int fd)
{
	char link[64], path[600];
	ssize_t n;

	if (!under)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return 0;
	path[n] = '\0';
	return matches(path);
}

static unsigned long
chance(void)
{
	unsigned long n = __atomic_add_fetch(&seed, 0x9e3779b97f4a7c15, __ATOMIC_RELAXED);

	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	return n ^ n >> 31;
}

enum verdict { PASS, FAIL, DIE };

/* Of a call that matches. */
static enum verdict
judge(void)
{
	long n = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);

	if (die_at && n == die_at)
		return DIE;
	if (!error || (gate && access(gate, F_OK) < 0))
		return PASS;
	return !one_in || chance() % one_in == 0 ? FAIL : PASS;
}

/* 0: make the call. */
static int
stopped(int concerned)
{
	enum verdict v = concerned ? judge() : PASS;

	if (v == DIE)
		_exit(DIED);
	if (v == FAIL)
		errno = error;
	return v == FAIL;
}

#define REAL(name) __extension__ ({ static __typeof__(&name) real_;	\
	if (!real_) real_ = (__typeof__(&name))dlsym(RTLD_NEXT, #name);	\
	real_; })

/* How much of it is written: all, or a part and then the end; -1: it fails. */
static ssize_t
part(int fd, size_t n, int *die)
{
	enum verdict v = is_file(fd) ? judge() : PASS;

	*die = v == DIE;
	if (v == PASS)
		return n;
	if (v == DIE)
		return die_at % 2 ? 0 : n / 2;
	if (error == ENOSPC && n > 1 && chance() % 2)
		return n / 2;
	errno = error;
	return -1;
}

ssize_t
write(int fd, const void *p, size_t n)
{
	int die;
	ssize_t some = part(fd, n, &die), got;

	if (some < 0)
		return -1;
	got = die && some == 0 ? 0 : REAL(write)(fd, p, some);
	if (die)
		_exit(DIED);
	return got;
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	int die;
	ssize_t some = part(fd, n, &die), got;

	if (some < 0)
		return -1;
	got = die && some == 0 ? 0 : REAL(pwrite)(fd, p, some, at);
	if (die)
		_exit(DIED);
	return got;
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return pwrite(fd, p, n, at);
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	return stopped(is_file(fd)) ? -1 : REAL(writev)(fd, iov, n);
}

int
fsync(int fd)
{
	return stopped(is_file(fd)) ? -1 : REAL(fsync)(fd);
}

int
fdatasync(int fd)
{
	return stopped(is_file(fd)) ? -1 : REAL(fdatasync)(fd);
}

int
ftruncate(int fd, off_t n)
{
	return stopped(is_file(fd)) ? -1 : REAL(ftruncate)(fd, n);
}

int
ftruncate64(int fd, off64_t n)
{
	return ftruncate(fd, n);
}

int
rename(const char *from, const char *to)
{
	return stopped(under && matches(from)) ? -1 : REAL(rename)(from, to);
}

int
unlink(const char *path)
{
	return stopped(under && matches(path)) ? -1 : REAL(unlink)(path);
}

int
mkdir(const char *path, mode_t mode)
{
	return stopped(under && matches(path)) ? -1 : REAL(mkdir)(path, mode);
}

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
		if (stopped(under && matches(path)))
			return -1;
	}
	return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return open(path, flags, mode);
}

static long
ahead(void)
{
	char text[32];
	ssize_t n;
	int fd;

	if (!clock_file || (fd = syscall(SYS_openat, AT_FDCWD, clock_file, O_RDONLY)) < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return strtol(text, NULL, 10);
}

int
clock_gettime(clockid_t clock, struct timespec *t)
{
	int err = REAL(clock_gettime)(clock, t);

	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		t->tv_sec += ahead();
	return err;
}

int
gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	int err = REAL(gettimeofday)(t, zone);

	t->tv_sec += ahead();
	return err;
}

time_t
time(time_t *out)
{
	time_t now = REAL(time)(NULL) + ahead();

	if (out)
		*out = now;
	return now;
}
