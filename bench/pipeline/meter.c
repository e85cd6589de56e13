/*
 * meter.c - runs a program, and says how long, how busy and how big it was
 *
 * The peak is VmHWM: the account that wait4 gives begins with the size of the parent.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "meter.h"
#include "weft/net.h"

#define STILL	(20 * WEFT_MS)		/* nothing written for so long: count */
#define BLOCK	(1 << 20)

extern char **environ;

int64_t
wall_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * WEFT_SECOND + t.tv_nsec;
}

/* With no signal blocked or ignored, whatever ours are. */
int
meter_start(struct meter *m, char **argv)
{
	posix_spawnattr_t attr;
	sigset_t none, all;
	int err;

	*m = (struct meter){ .started = wall_now() };
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	err = posix_spawnp(&m->pid, argv[0], NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return -err;
}

/* What /proc says of it; n bytes are enough for the file. */
static bool
read_proc(struct meter *m, const char *name, char *text, size_t n)
{
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)m->pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, n - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	return got > 0;
}

static void
look_at_proc(struct meter *m)
{
	unsigned long user, system;
	char text[4096], *p;

	if (read_proc(m, "stat", text, sizeof(text)) && (p = strrchr(text, ')')) &&
	    sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
	    &system) == 2)
		m->cpu = (double)(user + system) / sysconf(_SC_CLK_TCK);
	if (read_proc(m, "status", text, sizeof(text)) && (p = strstr(text, "VmHWM:")))
		m->peak = atol(p + 6);
}

static double
seconds(struct timeval t)
{
	return t.tv_sec + t.tv_usec / 1e6;
}

void
meter_look(struct meter *m)
{
	struct rusage used;

	if (m->ended)
		return;
	look_at_proc(m);
	if (wait4(m->pid, &m->status, WNOHANG, &used) != m->pid)
		return;
	m->ended = true;
	m->cpu = seconds(used.ru_utime) + seconds(used.ru_stime);
}

void
meter_stop(struct meter *m)
{
	for (int i = 0; !m->ended && i < 1100; i++) {
		if (i == 0)
			kill(m->pid, SIGTERM);
		if (i == 1000) {
			kill(m->pid, SIGKILL);
			m->killed = true;
		}
		weft_sleep(10 * WEFT_MS);
		m->ended = waitpid(m->pid, &m->status, WNOHANG) == m->pid;
	}
}

/* Adds the lines that end between offset and size. */
static void
count_lines(struct watch *w)
{
	char *block = malloc(BLOCK), *p;
	int fd = open(w->path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	while (fd >= 0 && w->offset < w->size) {
		n = pread(fd, block, BLOCK, w->offset);
		if (n <= 0)
			break;
		for (p = block; (p = memchr(p, '\n', block + n - p)); p++)
			w->lines++;
		w->offset += n;
	}
	if (fd >= 0)
		close(fd);
	free(block);
}

bool
watch_lines(struct watch *w, int64_t want, bool sure)
{
	int64_t now = wall_now();
	struct stat st;

	if (stat(w->path, &st) < 0)
		return false;
	if (st.st_size != w->size) {
		w->size = st.st_size;
		w->grown = st.st_mtim.tv_sec * WEFT_SECOND + st.st_mtim.tv_nsec;
		w->seen = now;
	}
	if (w->offset < w->size && (sure || now - w->seen > STILL))
		count_lines(w);
	return w->lines >= want;
}
