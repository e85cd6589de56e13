/*
 * files.c - the files that one output writes
 *
 * The rule that makes them hold each record once: before the first byte goes into a file, a
 * saved state names it, with the length it had.  files_get sees to that: a new file, one
 * found on disk, and the one that follows a rotation, are committed before they are handed out.
 *
 * What a crash leaves at each step of a rotation, and what open (file_state.c) makes of it.  The
 * state that is saved names A, the live file, with some length L; its records after L come again.
 *
 *	sync A				A is PATH: cut to L
 *	rename PATH.1 to PATH.2 ...	A is PATH; the numbers have a gap, the next rotation fills it
 *	rename PATH to PATH.1		A is found by its inode as PATH.1: cut to L; PATH is made anew
 *	unlink the oldest		the same
 *	create PATH (B)			the same; B is empty, for nothing is written to a file that
 *					is not named, and it is taken as it is
 *	commit: names B at 0, and A while the parcel that wrote to it is not over
 *	write to B			B cut to 0; A cut to where it was before the parcel, if named.
 *					If not: all of A was acknowledged, in this very state
 *
 * Compression of rotated files begins after a commit that names none of them, so what it
 * does to them concerns nobody: half a result is hidden (rotate.c), and open starts over.
 *
 * A file that somebody renames or deletes is retired by tick, like one that was rotated.  What
 * was written to it meanwhile is in it.
 */
#include "files.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDLE_CLOSE	(60 * WEFT_SECOND)
#define IDLE_FORGET	(600 * WEFT_SECOND)

static int64_t
sync_every(const struct file_sink *fs)
{
	return fs->opt.fsync ? fs->opt.fsync : WEFT_SECOND;
}

static bool
is_at_rest(const struct outfile *f)
{
	return f->pending.len == 0 && !f->torn && f->len == f->mark &&
	    (!f->regular || f->synced == f->len);
}

/* Never synced is safe enough for those who said so. */
static int
sync_one(struct file_sink *fs, struct outfile *f)
{
	if (fs->opt.fsync < 0) {
		f->synced = f->len;
		return 0;
	}
	if (f->synced == f->len && !f->doubt)
		return 0;
	int err = outfile_sync(f);

	return err ? sink_fail(&fs->sink, err, "cannot bring %s to disk: %s", f->path,
	    strerror(-err)) : 0;
}

static int
close_one(struct file_sink *fs, struct outfile *f)
{
	int err = files_flush(fs, f);

	if (!err)
		err = sync_one(fs, f);
	if (err || f->fd < 0)
		return err;
	outfile_close(f);
	fs->nopen--;
	buf_finish(&f->pending);
	return 0;
}

static void
forget(struct file_sink *fs, struct outfile *f)
{
	map_delete(&fs->known, f->path, strlen(f->path), map_hash(f->path, strlen(f->path)), NULL);
	list_remove(&f->recent);
}

static int
make_room(struct file_sink *fs)
{
	int err = 0;

	list_for_each(e, &fs->recent) {
		struct outfile *f = (struct outfile *)e;

		if (fs->nopen < FILES_OPEN || err)
			break;
		if (f->fd >= 0)
			err = close_one(fs, f);
	}
	list_for_each_safe(e, &fs->recent) {
		struct outfile *f = (struct outfile *)e;

		if (fs->known.n < FILES_KNOWN)
			break;
		if (f->fd < 0 && is_at_rest(f)) {
			forget(fs, f);
			outfile_free(f);
		}
	}
	return err;
}

/*
 * Records that say they are delivered and wait in memory for company must be in their files before
 * a state says so.
 */
static int
commit(struct file_sink *fs)
{
	int err = files_flush_all(fs);

	if (!err && fs->opt.fsync == 1)
		err = files_sync(fs, true);
	if (!err)
		err = outfile_before("commit", NULL);
	if (!err && fs->sink.commit)
		err = fs->sink.commit(fs->sink.commit_arg);
	return err < 0 ? err : 0;
}

struct outfile *
files_know(struct file_sink *fs, const char *path, size_t len)
{
	struct map_entry *e = map_insert(&fs->known, path, len, map_hash(path, len), NULL);

	if (!e->value) {
		struct outfile *f = e->value = xcalloc(1, sizeof(*f));

		f->fd = -1;
		f->path = xmalloc(len + 1);
		memcpy(f->path, path, len);
		f->path[len] = '\0';
		list_push_back(&fs->recent, &f->recent);
	}
	return e->value;
}

static int
begin_empty(struct file_sink *fs, struct outfile *f)
{
	int err;

	if (!fs->opt.replace || !fs->fresh || f->committed || !f->len)
		return 0;
	f->len = f->mark = f->synced = 0;
	f->broken_line = false;
	err = outfile_cut(f);
	return err ? sink_fail(&fs->sink, err, "cannot empty %s: %s", f->path,
	    strerror(-err)) : 0;
}

static int
open_one(struct file_sink *fs, struct outfile *f)
{
	int err = make_room(fs);

	fs->sink.why.len = 0;
	if (!err)
		err = outfile_open(f, fs->opt.mode ? fs->opt.mode : 0640, &fs->sink.why);
	if (err)
		return err;
	fs->nopen++;
	if (!f->regular && fs->rotator.compressor.kind)
		return sink_fail(&fs->sink, -EINVAL, "%s is no regular file: it can be neither "
		    "compressed nor rotated", f->path);
	return begin_empty(fs, f);
}

/* The name is made to last before the state that has it. */
static int
commit_one(struct file_sink *fs, struct outfile *f)
{
	int err = 0;

	if (fs->opt.fsync >= 0)
		err = outfile_sync_dir(f->path);
	if (!err)
		err = commit(fs);
	if (err)
		return sink_fail(&fs->sink, err, "cannot save the state before writing to %s: %s",
		    f->path, strerror(-err));
	f->committed = true;
	fs->fresh = false;
	return 0;
}

static int
mend_line(struct outfile *f)
{
	size_t taken;
	int err = outfile_put(f->fd, "\n", 1, &taken);

	f->len += taken;
	f->broken_line = err != 0;
	return err;
}

static int
make_ready(struct file_sink *fs, struct outfile *f)
{
	int err = 0;

	if (f->fd < 0)
		err = open_one(fs, f);
	if (!err && !f->regular)
		return 0;
	if (!err && f->torn)
		err = outfile_cut(f);
	if (!err && !f->committed)
		err = commit_one(fs, f);
	if (!err && f->broken_line && !fs->compressor.kind)
		err = mend_line(f);
	return err;
}

int
files_get(struct file_sink *fs, const struct parcel *p, struct outfile **out)
{
	struct outfile *f;

	fs->name.len = 0;
	outname_expand(&fs->path, &fs->name, p ? p->received : 0, p ? p->source : "",
	    p ? p->host : "");
	buf_str(&fs->name);
	f = files_know(fs, fs->name.data, fs->name.len);
	list_remove(&f->recent);
	list_push_back(&fs->recent, &f->recent);
	f->used = outfile_now();
	*out = f;
	return p ? make_ready(fs, f) : f->fd < 0 ? open_one(fs, f) : 0;
}

int
files_flush(struct file_sink *fs, struct outfile *f)
{
	size_t taken;
	int err;

	if (f->pending.len == 0)
		return 0;
	compress_frame(&fs->compressor, f->pending.data, f->pending.len);
	err = f->torn ? outfile_cut(f) : 0;
	if (!err)
		err = outfile_put(f->fd, fs->compressor.out.data, fs->compressor.out.len, &taken);
	if (err) {
		outfile_cut(f);
		return sink_fail(&fs->sink, err, "cannot write to %s: %s", f->path,
		    strerror(-err));
	}
	f->len += fs->compressor.out.len;
	f->mark = f->len;		/* what is pending is of parcels that are over */
	f->pending.len = 0;
	return 0;
}

int
files_flush_all(struct file_sink *fs)
{
	int err = 0;

	list_for_each(e, &fs->recent) {
		int one = files_flush(fs, (struct outfile *)e);

		err = err ? err : one;
	}
	return err;
}

void
files_mark(struct file_sink *fs)
{
	struct list *last = fs->recent.prev;	/* what was written to is used last */

	if (last != &fs->recent)
		((struct outfile *)last)->mark = ((struct outfile *)last)->len;
	for (struct list *e; (e = list_pop_front(&fs->retired)); )
		outfile_free((struct outfile *)e);
}

void
files_add_job(struct file_sink *fs, const char *path)
{
	struct rotate_job *j;

	list_for_each(e, &fs->jobs)
		if (strcmp(((struct rotate_job *)e)->path, path) == 0)
			return;
	j = xcalloc(1, sizeof(*j));
	j->path = xstrdup(path);
	list_push_back(&fs->jobs, &j->at);
}

int
files_retire(struct file_sink *fs, struct outfile *f)
{
	int err = f->fd < 0 ? 0 : close_one(fs, f);

	if (err)
		return err;
	forget(fs, f);
	if (f->len == f->mark)
		outfile_free(f);
	else
		list_push_back(&fs->retired, &f->recent);
	return 0;
}

int
files_rotate(struct file_sink *fs, struct outfile *f)
{
	int err = files_flush(fs, f);

	if (!err)
		err = sync_one(fs, f);
	fs->sink.why.len = err ? fs->sink.why.len : 0;
	if (!err)
		err = rotate_away(&fs->rotator, f->path, &fs->sink.why);
	if (err)
		return err;
	if (fs->compress_rotated)
		files_add_job(fs, f->path);
	if (fs->opt.fsync >= 0)
		err = outfile_sync_dir(f->path);
	int late = files_retire(fs, f);

	return err ? err : late;
}

/* The grid of local time: of a day it begins at midnight. */
static int64_t
grid(const struct file_sink *fs, int64_t ns)
{
	int64_t every = fs->opt.rotate_every, t = ns + outname_offset(ns) * WEFT_SECOND;

	return t / every - (t % every < 0);
}

bool
files_is_due(struct file_sink *fs, struct outfile *f, int64_t now)
{
	if (!fs->opt.rotate_every || !f->regular || f->len + f->pending.len == 0)
		return false;
	return grid(fs, now) > grid(fs, f->begun);
}

int
files_sync(struct file_sink *fs, bool all)
{
	int64_t now = outfile_now();
	int err = 0;

	list_for_each(e, &fs->recent) {
		struct outfile *f = (struct outfile *)e;

		/* a clock that was set back must not put it off */
		if (f->fd < 0 || (!all && now - f->sync_at < sync_every(fs) && now >= f->sync_at))
			continue;
		int one = sync_one(fs, f);

		err = err ? err : one;
	}
	return err;
}

/* Did somebody rename, delete or truncate it? */
static int
look_after(struct file_sink *fs, struct outfile *f)
{
	struct file_key key;
	struct stat st;

	if (!f->regular)
		return 0;
	if (file_key_get(-1, f->path, &key, NULL) != 0 || !file_key_equal(&key, &f->key))
		return files_retire(fs, f);
	if (fstat(f->fd, &st) == 0 && (uint64_t)st.st_size < f->len)
		f->len = f->mark = f->synced = st.st_size;
	return 0;
}

static int
look_at_clock(struct file_sink *fs, struct outfile *f, int64_t now)
{
	if (files_is_due(fs, f, now) && f->fd >= 0)
		return files_rotate(fs, f);
	if (f->fd >= 0 && now - f->used > IDLE_CLOSE && (fs->path.timed || fs->path.named))
		return close_one(fs, f);
	if (f->fd < 0 && now - f->used > IDLE_FORGET && is_at_rest(f)) {
		forget(fs, f);
		outfile_free(f);
	}
	return 0;
}

static int
start_compressing(struct file_sink *fs)
{
	int err = atomic_exchange(&fs->rotator.error, 0);

	if (err)
		return sink_fail(&fs->sink, err, "cannot compress rotated files: %s",
		    strerror(-err));
	if (list_empty(&fs->jobs) || !list_empty(&fs->retired) || atomic_load(&fs->rotator.busy))
		return 0;
	err = commit(fs);
	if (!err)
		rotate_compress(&fs->rotator, &fs->jobs);
	return err;
}

int
files_tick(struct file_sink *fs)
{
	int64_t now = outfile_now();
	int err = 0, one;

	list_for_each_safe(e, &fs->recent) {
		struct outfile *f = (struct outfile *)e;

		one = f->fd >= 0 ? look_after(fs, f) : 0;
		err = err ? err : one;
	}
	list_for_each_safe(e, &fs->recent) {
		one = look_at_clock(fs, (struct outfile *)e, now);
		err = err ? err : one;
	}
	one = start_compressing(fs);
	return err ? err : one;
}

void
files_finish(struct file_sink *fs)
{
	rotate_finish(&fs->rotator);
	for (struct list *e; (e = list_pop_front(&fs->recent)); )
		outfile_free((struct outfile *)e);
	for (struct list *e; (e = list_pop_front(&fs->retired)); )
		outfile_free((struct outfile *)e);
	for (struct list *e; (e = list_pop_front(&fs->jobs)); ) {
		free(((struct rotate_job *)e)->path);
		free(e);
	}
	map_finish(&fs->known);
	compress_finish(&fs->compressor);
	outname_finish(&fs->path);
	buf_finish(&fs->name);
	buf_finish(&fs->sink.why);
	free(fs);
}
