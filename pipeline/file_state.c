/*
 * file_state.c - what is saved about the files of an output, and what a start makes of it
 *
 *	weft-file 1
 *	DEV INODE BIRTH LENGTH BEGUN PATHLENGTH PATH
 *
 * A line per file, numbers in decimal.  LENGTH is where the records end that were delivered when it
 * was saved.  A file is looked for under its path, and then by its inode and time of birth
 * among its neighbours: it may have been rotated since, by us or somebody else.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

#define TITLE	"weft-file 1\n"

static void
save_one(struct buf *state, const struct outfile *f)
{
	if (!f->regular || !f->key.ino)
		return;
	buf_printf(state, "%" PRIu64 " %" PRIu64 " %" PRId64 " %" PRIu64 " %" PRId64 " %zu %s\n",
	    f->key.dev, f->key.ino, f->key.btime, f->mark, f->begun, strlen(f->path), f->path);
}

void
files_save(struct file_sink *fs, struct buf *state)
{
	int err = files_flush_all(fs);	/* nothing, after a sync */

	if (err)
		fs->late = err;
	buf_adds(state, TITLE);
	list_for_each(e, &fs->retired)
		save_one(state, (struct outfile *)e);
	list_for_each(e, &fs->recent)
		save_one(state, (struct outfile *)e);
}

struct record { struct file_key key; uint64_t len; int64_t begun; const char *path; size_t plen; };

/* The line at *p; p moves past it. */
static bool
read_record(const char **p, const char *end, struct record *r)
{
	char head[160];
	size_t n = (size_t)(end - *p) < sizeof(head) - 1 ? (size_t)(end - *p) : sizeof(head) - 1;
	int used = 0;

	memcpy(head, *p, n);
	head[n] = '\0';
	if (sscanf(head, "%" SCNu64 " %" SCNu64 " %" SCNd64 " %" SCNu64 " %" SCNd64 " %zu%n",
	    &r->key.dev, &r->key.ino, &r->key.btime, &r->len, &r->begun, &r->plen, &used) != 6)
		return false;
	*p += used + 1;
	if (*p > end || (size_t)(end - *p) <= r->plen || (*p)[r->plen] != '\n')
		return false;
	r->path = *p;
	*p += r->plen + 1;
	return true;
}

/* Where the file is now: xmalloc, NULL if it is gone. */
static char *
look_for(const char *path, const struct file_key *key)
{
	struct file_key k;

	if (file_key_get(-1, path, &k, NULL) == 0 && file_key_equal(&k, key))
		return xstrdup(path);
	return rotate_find(path, key);
}

static int
open_locked(const char *path, struct buf *err)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		int error = -errno;

		buf_printf(err, "cannot open %s: %s", path, strerror(-error));
		return error;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		close(fd);
		buf_printf(err, "%s is being written by another output or another process; "
		    "give each a file of its own", path);
		return -EBUSY;
	}
	return fd;
}

/* On disk at once: the next state may no longer name it. */
static int
cut(struct outfile *f, uint64_t size, struct buf *err)
{
	int error = 0;

	if (size < f->len) {
		buf_printf(err, "%s is %" PRIu64 " bytes shorter than it was; ", f->path,
		    f->len - size);
		f->len = size;
		return 0;
	}
	if (size > f->len) {
		error = outfile_cut(f);
		if (!error)
			error = outfile_sync(f);
	}
	if (error)
		buf_printf(err, "cannot cut %s to what it had: %s", f->path, strerror(-error));
	return error;
}

static int
take_back(const char *path, const struct record *r, uint64_t *len, struct buf *err)
{
	struct outfile f = { .path = (char *)path, .len = r->len, .regular = true };
	struct file_key key;
	struct stat st;
	int error;

	f.fd = open_locked(path, err);
	if (f.fd < 0)
		return f.fd;
	error = file_key_get(f.fd, path, &key, err);
	if (!error && file_key_equal(&key, &r->key) && fstat(f.fd, &st) == 0)
		error = cut(&f, st.st_size, err);
	outfile_close(&f);
	*len = f.len;
	return error;
}

static void
remember(struct file_sink *fs, const struct record *r, uint64_t len)
{
	struct outfile *f = files_know(fs, r->path, r->plen);

	f->key = r->key;
	f->regular = true;
	f->committed = len == r->len;
	f->len = f->mark = f->synced = len;
	f->begun = r->begun;
	f->used = outfile_now();
}

static int
load_one(struct file_sink *fs, const struct record *r, struct buf *err)
{
	struct buf path = { 0 };
	uint64_t len = r->len;
	int error = 0;
	char *now;

	buf_add(&path, r->path, r->plen);
	now = look_for(buf_str(&path), &r->key);
	if (now)
		error = take_back(now, r, &len, err);
	else
		buf_printf(err, "%s is gone, and what was in it; ", buf_str(&path));
	if (!error && now && strcmp(now, buf_str(&path)) == 0)
		remember(fs, r, len);
	if (fs->compress_rotated)
		files_add_job(fs, buf_str(&path));
	free(now);
	buf_finish(&path);
	return error;
}

int
files_load(struct file_sink *fs, const void *state, size_t len, struct buf *err)
{
	const char *p = state, *end = p + len;
	struct record r;
	int error = 0;

	fs->fresh = len == 0;
	if (len == 0)
		return 0;
	if (len < strlen(TITLE) || memcmp(p, TITLE, strlen(TITLE)) != 0) {
		buf_adds(err, "the saved state is of another version of this program");
		return -EINVAL;
	}
	for (p += strlen(TITLE); p < end && !error; )
		if (!read_record(&p, end, &r)) {
			buf_adds(err, "the saved state is damaged");
			error = -EINVAL;
		} else {
			error = load_one(fs, &r, err);
		}
	return error;
}
