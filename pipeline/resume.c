/*
 * resume.c - files that were read before we started are found again
 *
 * First by their inode, under the name they had or another in the same directory, whether
 * a pattern matches that or not: what was rotated away has a rest to be read.  Those that are
 * not there, or hold something else by now, are looked for by what they held: a copy, or an
 * archive.  What is nowhere is over.
 */
#include "source_files.h"

#include <stdlib.h>

#include "base/sort.h"

/* Is it there, under the name it had or another?  1, 0, or a negative errno: not to be told. */
static int
find_inode(const struct known_file *k, const char *dir, char **path, struct look *l)
{
	struct names names;
	int err = look_path(k->path, l), found = 0;

	*path = NULL;
	if (!err && identity_same(&k->id, l)) {
		*path = xstrdup(k->path);
		return 1;
	}
	err = names_read(&names, dir);
	for (size_t i = 0; !err && !found && i < names.n; i++) {
		if (names.at[i].ino != k->id.ino)
			continue;
		*path = path_join(dir, names.at[i].name);
		found = look_path(*path, l) == 0 && identity_same(&k->id, l);
		if (!found) {
			free(*path);
			*path = NULL;
		}
	}
	names_finish(&names);
	return err ? err : found;
}

static void
go_on(struct files *f, struct past *p, struct opened *o)
{
	struct tail *t;

	o->matched = globs_match(&f->globs, o->path);
	t = tail_new(f, o);
	t->born = p->k.id.btime;
	if (!o->packed)
		trail_load(&t->trail, o->fd, p->k.at.offset);
	tail_begin(t, &p->k);
	tail_holds(t, p->k.path);
	p->claimed = true;
	tail_poke(t);
}

/* Nothing is left to be done for it; forget: nor will there ever be. */
static void
settle(struct files *f, struct past *p, bool forget)
{
	p->claimed = true;
	if (forget)
		f->in->close(f->in, f->in->open(f->in, p->k.path, &p->k, &p->k.id), true, true);
}

/*
 * The inode is there.  True if that settles it: else it holds something else, and is opened, if
 * it is the same file for sure.
 */
static bool
same_inode(struct files *f, struct past *p, const char *path, struct look *l,
    struct opened *emptied)
{
	struct opened o;
	struct place none = { 0 };
	bool matched = globs_match(&f->globs, path);
	int holds;

	if (p->k.done && !matched && l->size == p->k.at.offset) {
		settle(f, p, false);
		return true;
	}
	if (files_open(f, path, &o, l) < 0)
		return true;		/* told; the next start may be luckier */
	if (o.packed)
		holds = identity_holds(o.fd, l, &p->k.id, &none) > 0 &&
		    (p->k.done || archive_at(o.fd, o.packed, &p->k.at));
	else
		holds = identity_holds(o.fd, l, &p->k.id, &p->k.at);
	if (holds > 0 && !(o.packed && p->k.done)) {
		go_on(f, p, &o);
		return true;
	}
	if (holds == 0 && !o.packed && l->btime)
		*emptied = o;
	else
		opened_close(&o);
	if (holds > 0 && !matched)
		settle(f, p, false);
	return holds != 0;
}

/* It is elsewhere by its content, or nowhere. */
static void
by_content(struct files *f, struct past *p, const char *dir, bool there)
{
	struct opened o;
	int err = p->k.done && !there ? -ENOENT : find_copy(f, dir, &p->k.id, &p->k.at, &o);

	if (err == 0) {
		go_on(f, p, &o);
	} else if (err == -ENOENT) {
		if (!p->k.done && p->k.at.offset)
			f->in->tell(f->in, 0, there ? "%s: was truncated while it was not watched; "
			    "what it held after byte %llu, if anything, is lost" :
			    "%s: is gone; what it held after byte %llu, if anything, is lost",
			    p->k.path, (unsigned long long)p->k.at.offset);
		settle(f, p, true);
	}
}

/* What the file holds now is new, and comes after what it held. */
static void
go_on_anew(struct files *f, struct opened *o, const char *name)
{
	struct tail *t;
	struct look l;

	if (look_fd(o->fd, &l) < 0 || files_by_inode(f, l.dev, l.ino)) {
		opened_close(o);
		return;
	}
	o->matched = globs_match(&f->globs, o->path);
	t = tail_emptied(f, o, &l);
	tail_holds(t, name);
	tail_poke(t);
}

static void
copy_known(struct files *f)
{
	const struct known_file *k = f->in->known(f->in);

	for (; k && k->row; k++) {
		past_add(f, k, false);
		f->nknown = f->npast;	/* none of them is in the ring */
	}
	sort_by(f->past, f->npast, k.id.btime);		/* the oldest are read first */
}

void
resume_known(struct files *f)
{
	enum { GONE = 1, OTHER, SETTLED };
	struct opened *emptied;
	char *state, *dir, *path;
	struct look l;
	int found;

	copy_known(f);
	state = xcalloc(f->npast + 1, 1);
	emptied = xcalloc(f->npast + 1, sizeof(*emptied));
	for (size_t i = 0; i < f->npast; i++) {
		emptied[i].fd = -1;
		dir = path_dir(f->past[i].k.path);
		found = find_inode(&f->past[i].k, dir, &path, &l);
		if (found < 0)
			state[i] = SETTLED;	/* the directory is not there: keep it */
		else if (found)
			state[i] = same_inode(f, &f->past[i], path, &l,
			    &emptied[i]) ? SETTLED : OTHER;
		else
			state[i] = GONE;
		free(path);
		free(dir);
	}
	for (size_t i = 0, n = f->npast; i < n; i++) {
		dir = path_dir(f->past[i].k.path);
		if (state[i] != SETTLED)
			by_content(f, &f->past[i], dir, state[i] == OTHER);
		if (emptied[i].fd >= 0)
			go_on_anew(f, &emptied[i], f->past[i].k.path);
		free(dir);
	}
	free(emptied);
	free(state);
}
