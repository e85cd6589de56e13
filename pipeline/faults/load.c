/*
 * load.c - generated logs, written as programs write them
 *
 * A piece may end anywhere; who rotates ends the line first, as a program does that writes a line
 * at a time.  What was written is known by what was generated, so nothing is kept but a place.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"

#define PIECE	(64 << 10)

static uint64_t
draw(struct load *v, uint64_t sides)
{
	v->dice ^= v->dice << 13;
	v->dice ^= v->dice >> 7;
	v->dice ^= v->dice << 17;
	return v->dice % sides;
}

static void
reopen(struct load *v)
{
	v->fd = open(lab_path(v->lab, v->name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	REQUIRE(v->fd >= 0);
}

static void
prepare(struct load *v)
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	struct stat st;

	if (!v->gen.seed)
		v->gen.seed = v->lab->seed;
	v->dice = dice(v->lab, UINT64_MAX - 1) + 1;
	REQUIRE(fd >= 0 && weft_gen(&v->gen, fd) == 0 && fstat(fd, &st) == 0);
	v->len = st.st_size;
	v->at = 0;
	v->data = mmap(NULL, v->len, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	REQUIRE(v->data != MAP_FAILED);
	reopen(v);
}

struct load *
load_new(struct lab *l, const struct load *set)
{
	struct load *v = malloc(sizeof(*v));

	*v = *set;
	v->lab = l;
	REQUIRE(l->nloads < LOADS);
	prepare(v);
	l->loads[l->nloads++] = v;
	return v;
}

void
load_free(struct load *v)
{
	v->stop = true;
	weft_waitgroup_wait(&v->running);
	munmap(v->data, v->len);
	close(v->fd);
	free(v);
}

static void
put(struct load *v, size_t n)
{
	while (n > 0) {
		ssize_t got = write(v->fd, v->data + v->at, n);

		REQUIRE(got > 0);
		v->at += got;
		n -= got;
	}
}

size_t
load_piece(struct load *v, size_t most)
{
	size_t n = 1 + draw(v, most), left = v->len - v->at;

	if (n > left)
		n = left;
	put(v, n);
	return n;
}

static void
end_line(struct load *v)
{
	const char *from = v->data + v->at, *end;

	if (v->at == 0 || v->at == v->len || from[-1] == '\n')
		return;
	end = memchr(from, '\n', v->len - v->at);
	put(v, (end ? (size_t)(end - from) : v->len - v->at - 1) + 1);
}

/* NAME.1 is the youngest, and there are keep of them. */
static void
shift(struct load *v, char name[300])
{
	char from[300], to[300];

	for (int i = v->keep; i > 1; i--) {
		snprintf(from, sizeof(from), "%s.%d", v->name, i - 1);
		snprintf(to, sizeof(to), "%s.%d", v->name, i);
		rename(lab_path(v->lab, from), lab_path(v->lab, to));
	}
	snprintf(name, 300, "%s.1", v->name);
}

static void
copy_away(struct load *v, const char *to)
{
	static const size_t step = 1 << 20;
	int in = open(lab_path(v->lab, v->name), O_RDONLY | O_CLOEXEC);
	int out = open(lab_path(v->lab, to), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	char *data = malloc(step);
	ssize_t n;

	REQUIRE(in >= 0 && out >= 0);
	while ((n = read(in, data, step)) > 0)
		REQUIRE(write(out, data, n) == n);
	free(data);
	close(in);
	close(out);
	REQUIRE(ftruncate(v->fd, 0) == 0);
}

void
load_rotate(struct load *v)
{
	char name[300];

	end_line(v);
	v->rotations++;
	if (v->keep)
		shift(v, name);
	else
		snprintf(name, sizeof(name), "%s.%06d", v->name, v->rotations);
	if (v->copytruncate) {
		copy_away(v, name);
		return;
	}
	REQUIRE(rename(lab_path(v->lab, v->name), lab_path(v->lab, name)) == 0);
	close(v->fd);
	reopen(v);
}

/* Not before its time: at the pace that was asked for. */
static void
keep_pace(struct load *v, int64_t began)
{
	int64_t due;

	if (!v->speed) {
		weft_sleep(0);
		return;
	}
	due = began + (int64_t)(v->at * 1e9 / v->speed);
	if (due > weft_now())
		weft_sleep(due - weft_now());
}

static void
write_on(struct load *v)
{
	int64_t began = weft_now(), next = began + v->rotate;

	while (v->at < v->len && !v->stop) {
		load_piece(v, PIECE);
		keep_pace(v, began);
		if (v->rotate && weft_now() >= next) {
			load_rotate(v);
			next += v->rotate;
		}
	}
	v->over = true;
}

void
load_start(struct load *v)
{
	weft_waitgroup_go(&v->running, write_on, v);
}

void
load_finish(struct load *v)
{
	weft_waitgroup_wait(&v->running);
	CHECK(v->over);
}

void
load_write(struct load *v)
{
	put(v, v->len - v->at);
}
