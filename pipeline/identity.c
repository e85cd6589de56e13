/*
 * identity.c - who a file is, and whether it holds what was read
 *
 * Everything here looks once; what a writer does between two looks is not seen.  The bytes
 * compared are few (a head of a kilobyte, a tail of 256 bytes), which is enough: log lines
 * carry times.  A file whose bytes before the place repeat those of another, byte for byte,
 * and whose head does too, cannot be told from it by anyone.
 */
#include "identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "fdio.h"
#include "weft/net.h"

static int64_t
nanoseconds(const struct statx_timestamp *t)
{
	return (int64_t)t->tv_sec * WEFT_SECOND + t->tv_nsec;
}

static int
look(int dir, const char *path, int flags, struct look *l)
{
	struct statx x;
	int err = 0;

	weft_enter_blocking();
	if (statx(dir, path, flags | AT_STATX_SYNC_AS_STAT,
	    STATX_BASIC_STATS | STATX_BTIME, &x) < 0)
		err = -errno;
	weft_leave_blocking();
	if (err)
		return err;
	*l = (struct look){
		.dev = makedev(x.stx_dev_major, x.stx_dev_minor), .ino = x.stx_ino,
		.size = x.stx_size, .mode = x.stx_mode, .nlink = x.stx_nlink,
		.mtime = nanoseconds(&x.stx_mtime),
		.btime = x.stx_mask & STATX_BTIME ? nanoseconds(&x.stx_btime) : 0,
	};
	return 0;
}

int
look_path(const char *path, struct look *l)
{
	return look(AT_FDCWD, path, 0, l);
}

int
look_fd(int fd, struct look *l)
{
	return look(fd, "", AT_EMPTY_PATH, l);
}

uint64_t
identity_hash(const void *p, size_t n)
{
	return XXH3_64bits(p, n);
}

/* The first n bytes' hash; -ESTALE: there are fewer. */
static int
head_hash(int fd, uint32_t n, uint64_t *hash)
{
	char head[FILE_HEAD];
	ssize_t got = fdio_pread(fd, head, n, 0);

	if (got < 0)
		return got;
	*hash = identity_hash(head, got);
	return (uint32_t)got < n ? -ESTALE : 0;
}

int
identity_of(int fd, const struct look *l, struct file_id *id)
{
	char head[FILE_HEAD];
	ssize_t got = fdio_pread(fd, head, sizeof(head), 0);

	*id = (struct file_id){ .dev = l->dev, .ino = l->ino, .btime = l->btime };
	if (got < 0)
		return got;
	id->head_len = got;
	id->head_hash = identity_hash(head, got);
	return 0;
}

bool
identity_same(const struct file_id *id, const struct look *l)
{
	return id->ino == l->ino && id->dev == l->dev &&
	    (id->btime == l->btime || !id->btime || !l->btime);
}

static int
yes_or_no(int err)
{
	return err == -ESTALE ? 0 : err ? err : 1;
}

int
identity_holds(int fd, const struct look *l, const struct file_id *id,
    const struct place *at)
{
	char tail[FILE_TAIL];
	uint64_t hash = 0;
	ssize_t got;
	int err;

	if (l->size < at->offset || l->size < id->head_len || id->head_len > FILE_HEAD ||
	    at->tail_len > FILE_TAIL || at->tail_len > at->offset)
		return 0;
	if (!id->head_len && !at->tail_len)
		return at->offset == 0;
	err = head_hash(fd, id->head_len, &hash);
	if (err || hash != id->head_hash)
		return err ? yes_or_no(err) : 0;
	got = fdio_pread(fd, tail, at->tail_len, at->offset - at->tail_len);
	if (got < 0)
		return got;
	return got == at->tail_len &&
	    (!got || identity_hash(tail, got) == at->tail_hash);
}

void
trail_add(struct trail *t, const void *p, size_t n)
{
	size_t keep;

	if (n >= FILE_TAIL) {
		memcpy(t->last, (const char *)p + n - FILE_TAIL, FILE_TAIL);
		t->len = FILE_TAIL;
		return;
	}
	keep = t->len + n > FILE_TAIL ? FILE_TAIL - n : t->len;
	memmove(t->last, t->last + t->len - keep, keep);
	memcpy(t->last + keep, p, n);
	t->len = keep + n;
}

uint64_t
trail_hash(const struct trail *t)
{
	return identity_hash(t->last, t->len);
}

int
trail_load(struct trail *t, int fd, uint64_t offset)
{
	uint32_t n = offset < FILE_TAIL ? offset : FILE_TAIL;
	ssize_t got = fdio_pread(fd, t->last, n, offset - n);

	t->len = 0;
	if (got < 0)
		return got;
	if (got < n)
		return -ESTALE;
	t->len = n;
	return 0;
}

int
trail_holds(const struct trail *t, int fd, uint64_t offset)
{
	unsigned char now[FILE_TAIL];
	ssize_t got = fdio_pread(fd, now, t->len, offset - t->len);

	if (got < 0)
		return got;
	return got == t->len && memcmp(now, t->last, got) == 0;
}
