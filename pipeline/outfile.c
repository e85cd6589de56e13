/*
 * outfile.c - one file of an output
 *
 * Writes append (O_APPEND): if somebody truncates the file under us, nothing is written into the
 * void.  After a failed fsync the kernel may call pages clean that never reached the disk, and
 * the next fsync succeeds and means nothing.  So the bytes since the last good one are read
 * back, from the page cache, and written again in their place, before the next fsync
 * counts.  That heals a disk that was away for a while; what the cache has lost is lost.
 */
#include "outfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ours.h"
#include "weft/net.h"
#include "when.h"

#define PIECE	(64 << 10)
#define PILE	(8 << 20)

struct outfile_hooks outfile_hooks;

int
outfile_before(const char *what, size_t *n)
{
	return outfile_hooks.before ? outfile_hooks.before(what, n) : 0;
}

int64_t
outfile_now(void)
{
	return outfile_hooks.now ? outfile_hooks.now() : when_now();
}

const char *
outfile_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *
outfile_dir(const char *path)
{
	size_t n = outfile_base(path) - path;
	char *dir;

	if (n == 0)
		return xstrdup(".");
	dir = xstrdup(path);
	dir[n > 1 ? n - 1 : 1] = '\0';
	return dir;
}

bool
file_key_equal(const struct file_key *a, const struct file_key *b)
{
	/* a device may have another number after a reboot */
	return a->ino == b->ino && a->btime == b->btime && (a->dev == b->dev || a->btime);
}

static void
key_from(const struct statx *x, struct file_key *key)
{
	key->dev = (uint64_t)x->stx_dev_major << 32 | x->stx_dev_minor;
	key->ino = x->stx_ino;
	key->btime = x->stx_mask & STATX_BTIME ?
	    x->stx_btime.tv_sec * WEFT_SECOND + x->stx_btime.tv_nsec : 0;
}

static int
file_statx(int fd, const char *path, struct statx *x)
{
	int n = statx(fd < 0 ? AT_FDCWD : fd, fd < 0 ? path : "", fd < 0 ? 0 : AT_EMPTY_PATH,
	    STATX_BASIC_STATS | STATX_BTIME, x);

	return n < 0 ? -errno : 0;
}

int
file_key_get(int fd, const char *path, struct file_key *key, struct buf *err)
{
	struct statx x;
	int error = file_statx(fd, path, &x);

	if (error) {
		if (err)
			buf_printf(err, "cannot look at %s: %s", path, strerror(-error));
		return error;
	}
	key_from(&x, key);
	return 0;
}

static int
make_dirs(const char *path)
{
	char *dir = outfile_dir(path);
	int err = 0;

	for (char *p = dir + 1; !err; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(dir, 0755) == 0)
			err = outfile_sync_dir(dir);	/* a file in it is no use without */
		else if (errno != EEXIST)
			err = -errno;
		*p = c;
		if (c == '\0')
			break;
	}
	free(dir);
	return err;
}

/* A pipe that nobody reads is refused (-ENXIO) instead of waited for. */
static int
open_bracketed(const char *path, int flags, unsigned mode)
{
	int fd, err;

	weft_enter_blocking();
	fd = open(path, flags | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode);
	err = errno;
	weft_leave_blocking();
	return fd < 0 ? -err : fd;
}

static int
open_or_make(const char *path, unsigned mode)
{
	int err, fd = open_bracketed(path, O_RDWR, 0);

	if (fd == -EACCES || fd == -ENXIO)	/* not ours to read */
		fd = open_bracketed(path, O_WRONLY, 0);
	if (fd != -ENOENT)
		return fd;
	err = outfile_before("create", NULL);
	if (err < 0)
		return err;
	fd = open_bracketed(path, O_RDWR | O_CREAT, mode);
	if (fd != -ENOENT)
		return fd;
	err = make_dirs(path);
	return err ? err : open_bracketed(path, O_RDWR | O_CREAT, mode);
}

static int
lock_file(int fd, const char *path, struct buf *why)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return 0;		/* a file system without locks */
	buf_printf(why, "%s is being written by another output or another process; "
	    "give each a file of its own", path);
	return -EBUSY;
}

static bool
lacks_newline(int fd, uint64_t size)
{
	char c = '\n';

	return size > 0 && pread(fd, &c, 1, size - 1) == 1 && c != '\n';
}

static void
unlist(struct outfile *f)
{
	if (f->listed)
		ours_remove(f->dev, f->key.ino);
	f->listed = false;
}

static void
adopt(struct outfile *f, const struct statx *x)
{
	struct file_key key;

	key_from(x, &key);
	unlist(f);
	f->regular = S_ISREG(x->stx_mode);
	if (!f->regular)
		return;
	f->dev = makedev(x->stx_dev_major, x->stx_dev_minor);
	f->listed = true;
	ours_add(f->dev, key.ino);
	f->broken_line = lacks_newline(f->fd, x->stx_size);
	if (f->committed && file_key_equal(&f->key, &key) && f->len == x->stx_size)
		return;
	f->key = key;
	f->committed = false;
	f->len = f->mark = f->synced = x->stx_size;
	f->begun = x->stx_size ? x->stx_mtime.tv_sec * WEFT_SECOND + x->stx_mtime.tv_nsec :
	    outfile_now();
}

/* A pipe must not be read by us: then it would never be without a reader. */
static int
open_pipe(struct outfile *f)
{
	outfile_close(f);
	f->fd = open_bracketed(f->path, O_WRONLY, 0);
	return f->fd < 0 ? f->fd : 0;
}

static int
open_and_look(struct outfile *f, unsigned mode, struct statx *x)
{
	int err;

	f->fd = open_or_make(f->path, mode);
	err = f->fd < 0 ? f->fd : file_statx(f->fd, f->path, x);
	if (!err && S_ISFIFO(x->stx_mode))
		err = open_pipe(f);
	return err;
}

int
outfile_open(struct outfile *f, unsigned mode, struct buf *why)
{
	struct statx x;
	int err = open_and_look(f, mode, &x);

	if (err)
		buf_printf(why, "cannot open %s: %s", f->path, strerror(-err));
	if (!err && S_ISREG(x.stx_mode))
		err = lock_file(f->fd, f->path, why);
	if (err) {
		outfile_close(f);
		return err;
	}
	adopt(f, &x);
	return 0;
}

static ssize_t
write_bracketed(int fd, const void *p, size_t n)
{
	ssize_t put;
	int err;

	weft_enter_blocking();
	put = write(fd, p, n);
	err = errno;
	weft_leave_blocking();
	return put < 0 ? -err : put;
}

int
outfile_put(int fd, const void *p, size_t n, size_t *taken)
{
	ssize_t put;

	for (*taken = 0; *taken < n; *taken += put) {
		size_t piece = n - *taken;
		int err = outfile_before("write", &piece);

		if (err < 0)
			return err;
		do
			put = write_bracketed(fd, (const char *)p + *taken, piece);
		while (put == -EINTR);
		if (put < 0)
			return put;
	}
	return 0;
}

int
outfile_cut(struct outfile *f)
{
	int err = outfile_before("truncate", NULL), n;

	f->torn = true;
	if (err < 0)
		return err;
	weft_enter_blocking();
	n = ftruncate(f->fd, f->len);
	err = n < 0 ? -errno : 0;
	weft_leave_blocking();
	if (!err)
		f->torn = false;
	return err;
}

static int
copy_onto_itself(int from, int to, uint64_t at, uint64_t end)
{
	char *piece = xmalloc(PIECE);
	int err = 0;

	while (at < end && !err) {
		size_t want = end - at < PIECE ? end - at : PIECE;
		ssize_t got, put = 0;

		weft_enter_blocking();
		got = pread(from, piece, want, at);
		err = got < 0 ? -errno : got == 0 ? -EIO : 0;
		if (!err) {
			put = pwrite(to, piece, got, at);
			err = put < 0 ? -errno : 0;
		}
		weft_leave_blocking();
		at += err ? 0 : put;
	}
	free(piece);
	return err;
}

/* Through a descriptor of its own: one that appends writes at the end, whatever it is told. */
static int
write_again(struct outfile *f)
{
	char name[40];
	int fd, err;

	err = outfile_before("rewrite", NULL);
	if (err)
		return err < 0 ? err : 0;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", f->fd);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = copy_onto_itself(fd, fd, f->synced, f->len);
	close(fd);
	return err;
}

static int
sync_bracketed(int fd, bool data)
{
	int n, err;

	weft_enter_blocking();
	n = data ? fdatasync(fd) : fsync(fd);
	err = errno;
	weft_leave_blocking();
	/* pipes, and file systems that have nothing to sync */
	return n < 0 && err != EINVAL && err != EROFS ? -err : 0;
}

/* What goes wrong here, fsync tells. */
void
outfile_start_sync(struct outfile *f)
{
	if (f->started > f->len || f->started < f->synced)
		f->started = f->synced;
	if (f->len - f->started < PILE)
		return;
	weft_enter_blocking();
	sync_file_range(f->fd, f->started, f->len - f->started, SYNC_FILE_RANGE_WRITE);
	weft_leave_blocking();
	f->started = f->len;
}

int
outfile_sync(struct outfile *f)
{
	int err = 0;

	if (!f->regular || f->fd < 0)
		return 0;
	if (f->doubt)
		err = write_again(f);
	if (!err)
		err = outfile_before("fsync", NULL);
	if (err == 0)
		err = sync_bracketed(f->fd, true);
	f->doubt = err < 0;
	if (err < 0)
		return err;
	f->synced = f->len;
	f->sync_at = outfile_now();
	return 0;
}

int
outfile_sync_dir(const char *path)
{
	char *dir = outfile_dir(path);
	int fd, err = outfile_before("fsync", NULL);

	if (err) {
		free(dir);
		return err < 0 ? err : 0;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = fd < 0 ? -errno : sync_bracketed(fd, false);
	if (fd >= 0)
		close(fd);
	free(dir);
	return err == -EACCES ? 0 : err;	/* a directory that may not be read */
}

void
outfile_close(struct outfile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

void
outfile_free(struct outfile *f)
{
	outfile_close(f);
	unlist(f);
	buf_finish(&f->pending);
	free(f->path);
	free(f);
}
