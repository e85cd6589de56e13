/*
 * rotate.c - rotated files
 *
 * Renames go from the oldest to the youngest, so whatever is cut short leaves a free number,
 * which the next rotation fills.  A file is compressed into a hidden one beside it, which gets the
 * final name once it is complete and on disk; then the plain one goes.  If both are there, somebody
 * was killed between the two, and the plain one is compressed again.
 */
#include "rotate.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct found { unsigned long number; char suffix[8]; };
struct listing { struct found *at; size_t n, room; };

/* BASE.12, BASE.12.gz, BASE.12.zst */
static bool
is_rotated(const char *name, const char *base, struct found *f)
{
	size_t n = strlen(base);
	char *end;

	if (strncmp(name, base, n) != 0 || name[n] != '.' || name[n + 1] < '1' ||
	    name[n + 1] > '9')
		return false;
	f->number = strtoul(name + n + 1, &end, 10);
	if (f->number >= 1000000000 ||
	    (*end && strcmp(end, ".gz") != 0 && strcmp(end, ".zst") != 0))
		return false;
	memcpy(f->suffix, end, strlen(end) + 1);
	return true;
}

static int
by_number(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static int
list_rotated(const char *path, struct listing *l)
{
	char *dir = outfile_dir(path);
	DIR *d = opendir(dir);
	int err = d ? 0 : -errno;

	free(dir);
	*l = (struct listing){ 0 };
	for (struct dirent *e; d && (e = readdir(d)); ) {
		if (l->n == l->room) {
			l->room = 2 * l->room + 16;
			l->at = xrealloc(l->at, l->room * sizeof(*l->at));
		}
		l->n += is_rotated(e->d_name, outfile_base(path), &l->at[l->n]);
	}
	if (d)
		closedir(d);
	if (l->n)
		qsort(l->at, l->n, sizeof(*l->at), by_number);
	return err;
}

static const char *
name_of(struct buf *b, const char *path, unsigned long number, const char *suffix)
{
	b->len = 0;
	buf_printf(b, "%s.%lu%s", path, number, suffix);
	return buf_str(b);
}

static int
rename_one(const char *from, const char *to)
{
	int err = outfile_before("rename", NULL);

	if (err)
		return err < 0 ? err : 0;
	return rename(from, to) < 0 ? -errno : 0;
}

static int
unlink_one(const char *path)
{
	int err = outfile_before("unlink", NULL);

	if (err)
		return err < 0 ? err : 0;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* How many of the list have to move: those whose numbers begin at 1 and leave no gap. */
static size_t
in_the_way(const struct listing *l)
{
	unsigned long next = 1;
	size_t i = 0;

	for (; i < l->n && l->at[i].number <= next; i++)
		next = l->at[i].number + 1;
	return i;
}

static int
shift(const char *path, const struct listing *l)
{
	struct buf from = { 0 }, to = { 0 };
	int err = 0;

	for (size_t i = in_the_way(l); i-- > 0 && !err; ) {
		const struct found *f = &l->at[i];

		err = rename_one(name_of(&from, path, f->number, f->suffix),
		    name_of(&to, path, f->number + 1, f->suffix));
	}
	buf_finish(&from);
	buf_finish(&to);
	return err;
}

static int
drop_old(struct rotator *r, const char *path)
{
	struct listing l;
	struct buf name = { 0 };
	int err = list_rotated(path, &l);

	for (size_t i = 0; i < l.n && !err; i++)
		if (l.at[i].number > (unsigned long)r->keep)
			err = unlink_one(name_of(&name, path, l.at[i].number, l.at[i].suffix));
	free(l.at);
	buf_finish(&name);
	return err;
}

static int
rotate_locked(struct rotator *r, const char *path)
{
	struct listing l;
	struct buf first = { 0 };
	int err = list_rotated(path, &l);

	if (!err)
		err = shift(path, &l);
	if (!err)
		err = rename_one(path, name_of(&first, path, 1, ""));
	if (!err && r->keep > 0)
		drop_old(r, path);	/* what cannot be deleted is tried again next time */
	free(l.at);
	buf_finish(&first);
	return err;
}

int
rotate_away(struct rotator *r, const char *path, struct buf *why)
{
	int err;

	weft_mutex_lock(&r->names);
	err = rotate_locked(r, path);
	weft_mutex_unlock(&r->names);
	if (err)
		buf_printf(why, "cannot rotate %s: %s", path, strerror(-err));
	return err;
}

char *
rotate_find(const char *path, const struct file_key *key)
{
	char *dir = outfile_dir(path), *found = NULL;
	DIR *d = opendir(dir);
	struct file_key k;
	struct buf name = { 0 };

	for (struct dirent *e; d && !found && (e = readdir(d)); ) {
		if (e->d_ino != key->ino)
			continue;
		name.len = 0;
		buf_printf(&name, "%s/%s", dir, e->d_name);
		if (file_key_get(-1, buf_str(&name), &k, NULL) == 0 && file_key_equal(&k, key))
			found = xstrdup(buf_str(&name));
	}
	if (d)
		closedir(d);
	free(dir);
	buf_finish(&name);
	return found;
}

/* The work may have taken a while: the file may have moved up, or be gone. */
static int
put_in_place(struct rotator *r, const char *path, const struct file_key *key, const char *made)
{
	struct buf final = { 0 };
	char *plain;
	int err = 0;

	weft_mutex_lock(&r->names);
	plain = rotate_find(path, key);
	if (plain) {
		buf_printf(&final, "%s%s", plain, compress_suffix(r->compressor.kind));
		err = rename_one(made, buf_str(&final));
		if (!err)
			err = unlink_one(plain);
	} else {
		err = unlink_one(made);
	}
	weft_mutex_unlock(&r->names);
	free(plain);
	buf_finish(&final);
	return err ? err : outfile_sync_dir(path);
}

static int
fill(struct rotator *r, int from, const char *made, mode_t mode)
{
	struct outfile out = { .regular = true };
	int err = outfile_before("create", NULL);

	if (err < 0)
		return err;
	out.fd = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode & 0777);
	if (out.fd < 0)
		return -errno;
	err = compress_file(&r->compressor, from, out.fd, &r->stop);
	if (!err)
		err = outfile_sync(&out);
	outfile_close(&out);
	return err;
}

static int
compress_one(struct rotator *r, const char *path, const char *plain)
{
	struct buf made = { 0 };
	char *dir = outfile_dir(path);
	struct file_key key;
	struct stat st;
	int err, from = open(plain, O_RDONLY | O_CLOEXEC);

	buf_printf(&made, "%s/.%s.compressing", dir, outfile_base(path));
	err = from < 0 || fstat(from, &st) < 0 ? -errno : file_key_get(from, plain, &key, NULL);
	if (!err) {
		err = fill(r, from, buf_str(&made), st.st_mode);
		if (!err)
			err = put_in_place(r, path, &key, buf_str(&made));
		if (err)
			unlink_one(buf_str(&made));
	}
	if (from >= 0)
		close(from);
	free(dir);
	buf_finish(&made);
	return err;
}

/* Its name may change between the two: look again. */
static int
compress_found(struct rotator *r, const struct rotate_job *j)
{
	int err = 0;
	char *plain;

	do {
		plain = rotate_find(j->path, &j->key);
		err = plain ? compress_one(r, j->path, plain) : 0;
		free(plain);
	} while (err == -ENOENT && !atomic_load(&r->stop));
	return err;
}

static void
work(struct rotator *r, struct list *jobs)
{
	int err = 0;

	for (struct list *e; (e = list_pop_front(jobs)); ) {
		struct rotate_job *j = (struct rotate_job *)e;
		int one = atomic_load(&r->stop) ? 0 : compress_found(r, j);

		err = err ? err : one;
		free(j->path);
		free(j);
	}
	free(jobs);
	compress_finish(&r->compressor);	/* memory is for those who work */
	atomic_store(&r->error, err == -ECANCELED ? 0 : err);
	atomic_store(&r->busy, false);
	weft_waitgroup_done(&r->working);
}

/* A job for each plain file, the oldest first: it is the next to be deleted. */
static void
spell_out(const char *path, struct list *jobs)
{
	struct buf name = { 0 };
	struct file_key key;
	struct listing l;

	list_rotated(path, &l);
	while (l.n-- > 0) {
		const struct found *f = &l.at[l.n];
		struct rotate_job *j;

		if (*f->suffix || file_key_get(-1, name_of(&name, path, f->number, ""), &key, NULL))
			continue;
		j = xcalloc(1, sizeof(*j));
		*j = (struct rotate_job){ .path = xstrdup(path), .key = key };
		list_push_back(jobs, &j->at);
	}
	free(l.at);
	buf_finish(&name);
}

void
rotate_compress(struct rotator *r, struct list *paths)
{
	struct list *jobs = xmalloc(sizeof(*jobs));

	list_init(jobs);
	for (struct list *e; (e = list_pop_front(paths)); ) {
		struct rotate_job *j = (struct rotate_job *)e;

		spell_out(j->path, jobs);
		free(j->path);
		free(j);
	}
	atomic_store(&r->busy, true);
	weft_waitgroup_add(&r->working, 1);
	weft_go_stack(256 << 10, work, r, jobs);
}

void
rotate_finish(struct rotator *r)
{
	atomic_store(&r->stop, true);
	weft_waitgroup_wait(&r->working);
	compress_finish(&r->compressor);
}
