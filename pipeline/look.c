/*
 * look.c - what is there by now, and what is not there any more
 *
 * A look that failed somewhere does not tell what is gone.  Looks are made by one goroutine, and
 * take the lock only for what they change.
 */
#include "source_files.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "weft/time.h"

/*
 * Under the lock.  Something happened to its file, whose reader may wait for the pipeline: what
 * was seen of it is what is known to be lost when it is cut, and a copy may not be there for long.
 */
void
tail_check(struct tail *t)
{
	struct look l;
	int holds = 1;

	t->check = false;
	if (t->file.fd < 0 || t->file.packed || t->stolen || look_fd(t->file.fd, &l) < 0) {
		tail_poke(t);
		return;
	}
	if (t->doubt)
		tail_resolve(t, &l);
	if (t->st)
		holds = tail_intact(t, t->file.fd, &l);
	if (holds == 0) {
		tail_truncated(t, &l);
		return;
	}
	if (t->st && holds > 0 && l.size >= t->file.size) {
		tail_noticed(t, &l);
		tail_head(t, t->file.fd, &l);
	}
	tail_poke(t);
}

/* Under the lock: a file that we have, under this name. */
static void
seen(struct files *f, struct tail *t, const struct sight *s)
{
	const struct look l = s->look;

	if (t->file.round == f->round && strcmp(t->file.path, s->path) != 0)
		return;			/* has another name too */
	if (strcmp(t->file.path, s->path) != 0) {
		free(t->file.path);
		t->file.path = xstrdup(s->path);
		if (t->st)
			f->in->update(f->in, t->st, t->file.path, &t->file.id);
	}
	t->file.round = f->round;
	t->file.matched = true;
	if (t->state == TAIL_OVER)
		return;
	if (l.size != t->file.size || l.mtime != t->file.mtime)
		tail_check(t);
}

static struct tail *
known_sight(struct files *f, const struct sight *s)
{
	struct tail *t = files_by_inode(f, s->look.dev, s->look.ino);

	if (!t || !identity_same(&t->file.id, &s->look))
		return NULL;
	if (t->state == TAIL_OVER && (t->file.size != s->look.size ||
	    t->file.mtime != s->look.mtime) && !f->o->once) {
		/* an archive that was read, and now is another, or has grown */
		struct past *p = past_find(f, &s->look);

		if (p)
			p->k.done = false;
		tail_free(t);
		return NULL;
	}
	return t;
}

/* Under the lock: no pattern finds it any more.  Where is it? */
static void
has_left(struct files *f, struct tail *t)
{
	struct names names;
	char *dir = path_dir(t->file.path), *path;
	struct look l;

	t->file.matched = false;
	t->file.grown = weft_now();
	if (names_read(&names, dir) == 0) {
		for (size_t i = 0; i < names.n; i++) {
			if (names.at[i].ino != t->file.id.ino)
				continue;
			path = path_join(dir, names.at[i].name);
			if (look_path(path, &l) < 0 || !identity_same(&t->file.id, &l)) {
				free(path);
				continue;
			}
			free(t->file.path);
			t->file.path = path;
			if (t->st)
				f->in->update(f->in, t->st, path, &t->file.id);
			break;
		}
		names_finish(&names);
	}
	free(dir);
	tail_poke(t);
}

/* Those that this look did not find. */
static void
look_for_left(struct files *f)
{
	struct look l;

	list_for_each_safe(e, &f->tails) {
		struct tail *t = container_of(e, struct tail, all);

		if (t->file.round == f->round)
			continue;
		if (t->state == TAIL_OVER) {
			tail_free(t);
			continue;
		}
		if (t->file.fd < 0)
			continue;
		if (t->file.matched && !f->sights.error)
			has_left(f, t);
		else if (look_fd(t->file.fd, &l) == 0 &&
		    (l.size != t->file.size || l.mtime != t->file.mtime))
			tail_check(t);
	}
}

static void
watch_directory(void *arg, const char *path)
{
	struct files *f = arg;
	int wd = watch_dir(&f->watch, path);
	struct map_entry *e;

	weft_mutex_lock(&f->lock);
	if (wd < 0) {
		f->unwatched = true;
	} else {
		e = map_insert(&f->dirs, &wd, sizeof(wd), map_hash(&wd, sizeof(wd)), NULL);
		free(e->value);
		e->value = xstrdup(path);
	}
	weft_mutex_unlock(&f->lock);
}

/* Files that had a matching name for less time than it takes to look. */
static void
look_at_moved(struct files *f)
{
	struct moved *moved;
	size_t n;
	struct look l;

	weft_mutex_lock(&f->lock);
	moved = f->moved;
	n = f->nmoved;
	f->moved = NULL;
	f->nmoved = 0;
	weft_mutex_unlock(&f->lock);
	for (size_t i = 0; i < n; i++) {
		if (look_path(moved[i].to, &l) == 0 && S_ISREG(l.mode)) {
			weft_mutex_lock(&f->lock);
			struct tail *t = files_by_inode(f, l.dev, l.ino);
			weft_mutex_unlock(&f->lock);
			if (!t)
				new_file(f, moved[i].to, moved[i].from, false);
		}
		free(moved[i].from);
		free(moved[i].to);
	}
	free(moved);
}

void
look_for_files(struct files *f)
{
	struct tail *t;

	weft_mutex_lock(&f->lock);
	f->dirty = f->unwatched = false;
	f->round++;
	weft_mutex_unlock(&f->lock);
	globs_find(&f->globs, &f->sights, watch_directory, f);
	if (f->sights.error) {
		weft_mutex_lock(&f->lock);
		files_tell(f, f->sights.where, f->sights.error, NULL);
		weft_mutex_unlock(&f->lock);
	}
	weft_mutex_lock(&f->lock);
	for (int other = 0; other < 2; other++)	/* first those that kept their name */
		for (size_t i = 0; i < f->sights.n; i++) {
			struct sight *s = &f->sights.at[i];

			t = known_sight(f, s);
			if (t && (other || strcmp(t->file.path, s->path) == 0))
				seen(f, t, s);
		}
	weft_mutex_unlock(&f->lock);
	look_at_moved(f);
	for (size_t i = 0; i < f->sights.n; i++) {
		struct sight *s = &f->sights.at[i];

		weft_mutex_lock(&f->lock);
		t = known_sight(f, s);
		weft_mutex_unlock(&f->lock);
		if (!t && S_ISREG(s->look.mode))
			new_file(f, s->path, s->path, true);
		else if (!t)
			odd_file(f, s);
	}
	weft_mutex_lock(&f->lock);
	look_for_left(f);
	list_for_each(e, &f->tails)
		if (f->first)
			tail_update(container_of(e, struct tail, all));
	f->first = false;
	weft_mutex_unlock(&f->lock);
}
