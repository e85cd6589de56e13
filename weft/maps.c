/*
 * maps.c - /proc/self/maps, and of its ranges what is present
 */
#include "maps.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "weft.h"			/* errno of the thread that this is now */

enum { PAGE = 4096, BATCH = 512 };
/* Of a word in pagemap. */
#define PRESENT	((uint64_t)1 << 63)
#define SWAPPED	((uint64_t)1 << 62)
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

/* "55d0-55d8 rw-p 00000000 00:00 0     [heap]" */
static struct mapping parse(char *line)
{
	struct mapping m = {0};
	char *p, *name;
	bool private, shared_memory;

	m.lo = strtoul(line, &p, 16);
	m.hi = strtoul(p + 1, &p, 16);
	p++;				/* at "rw-p" */
	name = strpbrk(p, "/[");
	private = p[3] == 'p';
	shared_memory = name && (!strncmp(name, "/dev/zero", 9) || !strncmp(name, "/memfd:", 7) ||
	    !strncmp(name, "/dev/shm/", 9) || !strncmp(name, "/SYSV", 5) ||
	    !strncmp(name, "/anon_hugepage", 14));
	m.brk = name && !strcmp(name, "[heap]");
	m.anonymous = !name || !strncmp(name, "[anon", 5);
	/* What cannot be written now may have been before. */
	m.written = p[0] == 'r' && (private || shared_memory) && (p[1] == 'w' || m.anonymous) &&
	    !(name && (!strncmp(name, "[v", 2)));	/* the kernel's */
	return m;
}

int maps_each(int (*f)(const struct mapping *m, void *arg), void *arg)
{
	char buf[8192], *line, *end;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC), err = 0;
	size_t kept = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (!err && (n = read(fd, buf + kept, sizeof buf - 1 - kept)) > 0) {
		buf[kept + (size_t)n] = '\0';
		for (line = buf; !err && (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			struct mapping m = parse(line);
			err = f(&m, arg);
		}
		kept = strlen(line);
		memmove(buf, line, kept);
	}
	if (!err && n < 0)
		err = -errno;
	close(fd);
	return err;
}

/*
 * Whether a page can be read.  The kernel takes guards (MADV_GUARD_INSTALL, which the C
 * library uses for stacks) and pages that the hardware has lost for swapped out, too; and
 * what lies beyond a file's end cannot be read either.  Kernels before 5.14 know neither
 * guards nor this advice.
 */
static bool is_there(uintptr_t addr, const uint64_t *word)
{
	if (word && *word & PRESENT)
		return true;
	if (word && !(*word & SWAPPED))
		return false;
	return !madvise((void *)(addr & -(uintptr_t)PAGE), PAGE, MADV_POPULATE_READ) ||
	    (errno != EFAULT && errno != EHWPOISON);
}

void maps_present(uintptr_t lo, uintptr_t hi, void (*f)(uintptr_t lo, uintptr_t hi, void *arg),
    void *arg)
{
	uint64_t word[BATCH];
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	while (lo < hi) {
		size_t pages = (hi - 1) / PAGE - lo / PAGE + 1;
		ssize_t got;

		pages = pages < BATCH ? pages : BATCH;
		got = pread(fd, word, pages * sizeof *word, (off_t)(lo / PAGE * sizeof *word));
		for (size_t i = 0; i < pages; i++) {
			uintptr_t next = (lo / PAGE + 1) * PAGE;
			bool known = got >= (ssize_t)((i + 1) * sizeof *word);

			if (next > hi)
				next = hi;
			if (is_there(lo, known ? &word[i] : NULL))
				f(lo, next, arg);
			lo = next;
		}
	}
	if (fd >= 0)
		close(fd);
}
