/*
 * newfile.c - a name that was not there, or has another file: what is it, and where does it begin?
 *
 * It may be one that was read before and has come back, an archive that was read, the next one
 * under a name that is rotated, or the copy of one that is about to be truncated.
 */
#include "source_files.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sort.h"
#include "weft/time.h"

static const char limit_text[] = "%s: is not read yet: %d files are open, and this process may "
    "not open many more; raise its limit (ulimit -n, or LimitNOFILE= of the unit)";

void
opened_close(struct opened *o)
{
	if (o->fd >= 0)
		close(o->fd);
	free(o->path);
	o->fd = -1;
	o->path = NULL;
}

/* Some are left for the outputs, the state, and whoever else is in the process. */
bool
files_room(struct files *f)
{
	struct rlimit r;
	rlim_t keep;

	(void)f;
	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur == RLIM_INFINITY)
		return true;
	keep = r.rlim_cur / 8 < 32 ? 32 : r.rlim_cur / 8;
	return (rlim_t)atomic_load(&files_opened) + keep < r.rlim_cur;
}

bool
files_tell(struct files *f, const char *path, int err, const char *what)
{
	size_t n = strlen(path);
	uint64_t hash = map_hash(path, n);
	struct map_entry *e = map_find(&f->told, path, n, hash);

	if (e && (intptr_t)e->value == err)
		return false;
	if (!err) {
		map_delete(&f->told, path, n, hash, NULL);
		return false;
	}
	map_insert(&f->told, path, n, hash, NULL)->value = (void *)(intptr_t)err;
	f->in->tell(f->in, err, "%s: %s", path, what ? what : strerrordesc_np(-err));
	return true;
}

static bool
named_packed(const char *path)
{
	size_t n = strlen(path);

	return (n > 3 && strcmp(path + n - 3, ".gz") == 0) ||
	    (n > 4 && strcmp(path + n - 4, ".zst") == 0);
}

int
files_open(struct files *f, const char *path, struct opened *out, struct look *l)
{
	int err = 0;

	*out = (struct opened){ .wd = -1, .round = f->round, .grown = weft_now() };
	out->fd = fdio_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	if (out->fd < 0)
		err = out->fd;
	else if ((err = look_fd(out->fd, l)) == 0 && S_ISREG(l->mode))
		err = identity_of(out->fd, l, &out->id);
	if (!err && f->in->ours(f->in, l->dev, l->ino))
		err = -EBUSY;
	if (!err) {
		out->path = xstrdup(path);
		out->size = l->size;
		out->mtime = l->mtime;
		out->packed = packing_of_file(out->fd);
		if (!out->packed && l->size < 4 && named_packed(path))
			out->packed = strstr(path, ".gz") ? PACKED_GZIP : PACKED_ZSTD;
		files_tell(f, path, 0, NULL);
		return 0;
	}
	if (out->fd >= 0)
		close(out->fd);
	out->fd = -1;
	if (err != -ENOENT && err != -ENXIO)
		files_tell(f, path, err, err == -EBUSY ? "the pipeline writes to it, so it does not "
		    "read it; see exclude:" : err == -EACCES ?
		    "may not be read; it is tried again, but its owner has to allow it" : NULL);
	return err;
}

/* Ring of those that ended since we started, behind those the state knew. */
void
past_add(struct files *f, const struct known_file *k, bool claimed)
{
	struct past *p;

	if (f->npast == f->past_room) {
		f->past_room = f->past_room ? 2 * f->past_room : 64;
		f->past = xrealloc(f->past, f->past_room * sizeof(*f->past));
	}
	if (f->npast - f->nknown == PAST) {
		p = &f->past[f->nknown + f->past_next++ % PAST];
		free(p->k.path);
	} else {
		p = &f->past[f->npast++];
	}
	*p = (struct past){ *k, claimed };
	p->k.path = xstrdup(k->path);
}

/* The one that got furthest, if there are several. */
struct past *
past_find(struct files *f, const struct look *l)
{
	struct past *best = NULL;

	for (size_t i = 0; i < f->npast; i++) {
		struct past *p = &f->past[i];

		if (p->k.id.ino == l->ino && identity_same(&p->k.id, l) &&
		    (!best || p->k.at.offset >= best->k.at.offset))
			best = p;
	}
	return best;
}

/* Only what is new in it: from the end of the last whole line. */
static void
place_at_end(struct opened *o, struct place *at, struct trail *trail)
{
	char *page = xmalloc(4096), *newline = NULL;
	uint64_t from = o->size;
	ssize_t n;

	for (; from > 0 && !newline && o->size - from < (1 << 20); ) {
		size_t want = from < 4096 ? from : 4096;

		n = fdio_pread(o->fd, page, want, from - want);
		if (n != (ssize_t)want)
			break;
		newline = memrchr(page, '\n', n);
		from -= want;
	}
	at->offset = newline ? from + (newline - page) + 1 : o->size;
	free(page);
	if (trail_load(trail, o->fd, at->offset) < 0)
		at->offset = 0;
	at->tail_len = trail->len;
	at->tail_hash = trail_hash(trail);
}

/* Where it begins: where a file that is now this one ended, at its end, or at 0. */
static void
begin(struct tail *t, struct past *p, bool skip)
{
	struct known_file k = { .path = t->file.path, .id = t->file.id };

	if (p) {
		k = p->k;
		if (!t->file.packed)	/* it finds its own */
			trail_load(&t->trail, t->file.fd, k.at.offset);
		p->claimed = true;
		tail_begin(t, &k);
	} else if (skip) {
		place_at_end(&t->file, &k.at, &t->trail);
		tail_begin(t, &k);
	} else {
		tail_begin(t, NULL);
	}
}

/* An archive that was read, and still is what it was. */
static bool
was_read(struct files *f, struct opened *o, const struct look *l)
{
	struct past *p = past_find(f, l);
	struct place none = { 0 };

	return p && p->k.done && o->packed && identity_holds(o->fd, l, &p->k.id, &none) > 0;
}

/* Under the lock.  A file that nobody reads: takes o. */
static struct tail *
start(struct files *f, struct opened *o, const struct look *l, const char *holds)
{
	struct past *p = past_find(f, l);
	bool skip = f->first && f->o->at_end && f->nknown == 0;
	bool read = was_read(f, o, l) || (o->packed && skip);
	struct place none = { 0 };
	struct look now;
	struct tail *t;

	if (p && !read && (o->packed ? identity_holds(o->fd, l, &p->k.id, &none) <= 0 ||
	    !archive_at(o->fd, o->packed, &p->k.at) :
	    identity_holds(o->fd, l, &p->k.id, &p->k.at) <= 0))
		p = NULL;
	t = tail_new(f, o);
	if (read) {			/* its record says so, for as long as it is there */
		tail_over(t, false);
		return t;
	}
	t->fresh = o->packed && !p;
	t->doubt = !o->packed && !p && !skip && !f->first && !f->o->once;
	if (!t->fresh && !t->doubt)
		begin(t, p, skip);
	if (!t->fresh && look_fd(t->file.fd, &now) == 0) {	/* it is watched by now */
		if (t->doubt) {
			tail_resolve(t, &now);
		} else if (t->st && now.size >= t->file.size) {
			tail_noticed(t, &now);
			tail_head(t, t->file.fd, &now);
		}
	}
	if (!o->packed)
		tail_holds(t, holds);
	tail_poke(t);
	return t;
}

/* Not regular: a pipe that was named is read, all else is not. */
void
odd_file(struct files *f, const struct sight *s)
{
	int fd;

	weft_mutex_lock(&f->lock);
	if (S_ISDIR(s->look.mode) && s->named)
		files_tell(f, s->path, -EISDIR, "is a directory; name its files: add /*");
	else if (!S_ISDIR(s->look.mode) && !S_ISFIFO(s->look.mode))
		files_tell(f, s->path, -ENOTSUP, "is a socket or a device, which is not read");
	else if (S_ISFIFO(s->look.mode) && !s->named)
		files_tell(f, s->path, -ENOTSUP, "is a pipe; to have it read, name it in full");
	else if (S_ISFIFO(s->look.mode) && !map_find(&f->told, s->path, strlen(s->path),
	    map_hash(s->path, strlen(s->path)))) {
		/* open for writing too, it has no end when its writers come and go */
		fd = fdio_open(s->path, (f->o->once ? O_RDONLY : O_RDWR) | O_NONBLOCK, 0);
		if (fd < 0) {
			f->in->tell(f->in, fd, "%s: %s", s->path, strerrordesc_np(-fd));
		} else {
			map_insert(&f->told, s->path, strlen(s->path),
			    map_hash(s->path, strlen(s->path)), NULL)->value = f;
			f->active++;
			weft_waitgroup_go(&f->wg, pipe_run, f, xstrdup(s->path), fd);
		}
	}
	weft_mutex_unlock(&f->lock);
}

static bool
too_many(struct files *f, const char *path)
{
	if (files_room(f)) {
		f->full = false;
		return false;
	}
	if (!f->full)
		f->in->tell(f->in, -EMFILE, limit_text, path, atomic_load(&files_opened));
	f->full = true;
	return true;
}

static bool
rotated_name(const char *base, const char *name)
{
	size_t n = strlen(base);

	if (strncmp(base, name, n) != 0 || !name[n] || !strchr(".-_", name[n]))
		return false;
	name += n + 1;			/* a number, a date, or what stands for the last one */
	return (strpbrk(name, "0123456789") && !name[strspn(name, "0123456789-_.:T")]) ||
	    strcmp(name, "old") == 0 || strcmp(name, "prev") == 0;
}

static struct tail *
holder(struct files *f, const char *path)
{
	size_t n = strlen(path);
	struct map_entry *e = map_find(&f->holders, path, n, map_hash(path, n));

	return e ? e->value : NULL;
}

/* When the file was born that had that name last, as far as we know; 0: we do not. */
static int64_t
last_born(struct files *f, const char *path)
{
	struct tail *was = holder(f, path);
	size_t dir = path_base(path) - path;
	int64_t born = 0;

	if (was)
		return was->born;
	for (size_t i = 0; i < f->npast; i++) {
		const struct known_file *k = &f->past[i].k;

		if (k->id.btime > born && strncmp(k->path, path, dir) == 0 &&
		    (strcmp(k->path + dir, path + dir) == 0 ||
		    rotated_name(path + dir, k->path + dir)))
			born = k->id.btime;
	}
	return born;
}

struct missed { char *path; int64_t btime; };

/*
 * Under the lock.  The name went from one file to another since we looked.  What was born in
 * between, and is now called as what is rotated away is, had the name for a while, too.
 */
static void
find_missed(struct files *f, const char *path, const struct look *now)
{
	int64_t born = last_born(f, path);
	char *dir = path_dir(path), *other;
	struct missed *m = NULL;
	struct names names = { 0 };
	struct opened o;
	struct look l;
	size_t n = 0;

	if (born && born <= now->btime)
		names_read(&names, dir);
	for (size_t i = 0; i < names.n; i++) {
		if (!rotated_name(path_base(path), names.at[i].name))
			continue;
		other = path_join(dir, names.at[i].name);
		if (look_path(other, &l) == 0 && S_ISREG(l.mode) && l.size > 0 &&
		    l.btime >= born && l.btime <= now->btime &&
		    l.ino != now->ino && !files_by_inode(f, l.dev, l.ino) && !past_find(f, &l) &&
		    !globs_match(&f->globs, other)) {
			m = xrealloc(m, (n + 1) * sizeof(*m));
			m[n++] = (struct missed){ other, l.btime };
		} else {
			free(other);
		}
	}
	sort_by(m, n, btime);
	for (size_t i = 0; i < n; i++) {
		if (files_open(f, m[i].path, &o, &l) == 0) {
			if (o.packed || !S_ISREG(l.mode) || repeats_any(f, o.fd, o.path, &l))
				opened_close(&o);
			else
				start(f, &o, &l, path);
		}
		free(m[i].path);
	}
	free(m);
	names_finish(&names);
	free(dir);
}

/* A name that was not there, or had another file. */
void
new_file(struct files *f, const char *path, const char *holds, bool matched)
{
	struct opened o;
	struct look l;
	struct tail *t;

	weft_mutex_lock(&f->lock);
	if (too_many(f, path) || files_open(f, path, &o, &l) < 0)
		goto unlock;
	t = files_by_inode(f, l.dev, l.ino);
	if (t || !S_ISREG(l.mode)) {
		opened_close(&o);
		goto unlock;
	}
	o.matched = matched;
	if (!o.packed)
		find_missed(f, holds, &l);
	start(f, &o, &l, holds);
unlock:
	weft_mutex_unlock(&f->lock);
}
