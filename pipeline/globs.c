/*
 * globs.c - patterns into names, a directory at a time
 *
 * Not glob(3): it tells neither which directories it looked into, nor reliably what it could
 * not read, and a file that could not be looked at must not be taken for one that is gone.
 */
#include "globs.h"

#include <dirent.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sort.h"
#include "weft/net.h"

char *
path_join(const char *dir, const char *name)
{
	size_t n = strlen(dir);
	struct buf b = { 0 };

	buf_printf(&b, "%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/", name);
	buf_addc(&b, '\0');
	return b.data;
}

char *
path_dir(const char *path)
{
	char *dir = xstrdup(path), *slash = strrchr(dir, '/');

	if (slash)
		slash[slash == dir] = '\0';
	return dir;
}

const char *
path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The next word of *s, its backslashes kept unless they only keep a blank; NULL: none. */
static char *
next_word(const char **s)
{
	struct buf b = { 0 };
	const char *p = *s;

	p += strspn(p, " \t\n");
	for (; *p && !strchr(" \t\n", *p); p++) {
		if (*p == '\\' && p[1] == ' ')
			p++;
		else if (*p == '\\' && p[1])
			buf_addc(&b, *p++);
		buf_addc(&b, *p);
	}
	*s = p;
	if (!b.len)
		return NULL;
	buf_addc(&b, '\0');
	return b.data;
}

static char *
absolute(char *word)
{
	char *cwd, *path;

	if (word[0] == '/')
		return word;
	if (strncmp(word, "./", 2) == 0)
		memmove(word, word + 2, strlen(word) - 1);
	cwd = getcwd(NULL, 0);
	path = path_join(cwd ? cwd : "/", word);
	free(cwd);
	free(word);
	return path;
}

static void
words(const char *s, char ***out, int *n, bool names)
{
	for (char *w; s && (w = next_word(&s)); ) {
		*out = xrealloc(*out, (*n + 1) * sizeof(**out));
		(*out)[(*n)++] = names || strchr(w, '/') ? absolute(w) : w;
	}
}

int
globs_init(struct globs *g, const char *patterns, const char *exclude, struct buf *err)
{
	*g = (struct globs){ 0 };
	words(patterns, &g->pattern, &g->n, true);
	words(exclude, &g->exclude, &g->nexclude, false);
	for (int i = 0; i < g->n; i++) {
		if (!strstr(g->pattern[i], "**"))
			continue;
		buf_printf(err, "%s: ** is not supported; name each level by a *", g->pattern[i]);
		globs_finish(g);
		return -EINVAL;
	}
	if (g->n)
		return 0;
	buf_adds(err, "file: names no file");
	globs_finish(g);
	return -EINVAL;
}

void
globs_finish(struct globs *g)
{
	for (int i = 0; i < g->n; i++)
		free(g->pattern[i]);
	for (int i = 0; i < g->nexclude; i++)
		free(g->exclude[i]);
	free(g->pattern);
	free(g->exclude);
	*g = (struct globs){ 0 };
}

/* With a slash in it it is for the whole path, else for the name alone. */
static bool
excluded(const struct globs *g, const char *path)
{
	for (int i = 0; i < g->nexclude; i++) {
		const char *e = g->exclude[i];

		if (fnmatch(e, strchr(e, '/') ? path : path_base(path), FNM_PATHNAME) == 0)
			return true;
	}
	return false;
}

bool
globs_match(const struct globs *g, const char *path)
{
	if (excluded(g, path))
		return false;
	for (int i = 0; i < g->n; i++)
		if (fnmatch(g->pattern[i], path, FNM_PATHNAME | FNM_PERIOD) == 0)
			return true;
	return false;
}

void
sights_add(struct sights *s, const char *path, const struct look *l, bool named)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 16;
		s->at = xrealloc(s->at, s->room * sizeof(*s->at));
	}
	s->at[s->n++] = (struct sight){ xstrdup(path), *l, named };
}

void
sights_clear(struct sights *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->at[i].path);
	free(s->where);
	s->n = 0;
	s->error = 0;
	s->where = NULL;
}

void
sights_finish(struct sights *s)
{
	sights_clear(s);
	free(s->at);
	*s = (struct sights){ 0 };
}

static void
failed(struct sights *s, int err, const char *path)
{
	if (err == -ENOENT || err == -ENOTDIR || s->error)
		return;
	s->error = err;
	s->where = xstrdup(path);
}

int
names_read(struct names *d, const char *dir)
{
	struct dirent *e;
	DIR *stream;
	int err = 0;

	*d = (struct names){ 0 };
	weft_enter_blocking();
	stream = opendir(dir);
	err = stream ? 0 : -errno;
	while (stream && (errno = 0, e = readdir(stream))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (d->n == d->room) {
			d->room = d->room ? 2 * d->room : 64;
			d->at = xrealloc(d->at, d->room * sizeof(*d->at));
		}
		d->at[d->n++] = (struct name){ xstrdup(e->d_name), e->d_ino };
	}
	if (stream) {
		err = -errno;
		closedir(stream);
	}
	weft_leave_blocking();
	if (err)
		names_finish(d);
	return err;
}

void
names_finish(struct names *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->at[i].name);
	free(d->at);
	*d = (struct names){ 0 };
}

struct walk {
	const struct globs *g;
	struct sights *out;
	void (*dir)(void *arg, const char *path);
	void *arg;
};

static bool
is_pattern(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] == '*' || s[i] == '?' || s[i] == '[')
			return true;
	return false;
}

/* s without its backslashes. */
static char *
plain(const char *s, size_t n)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\\' && i + 1 < n)
			i++;
		buf_addc(&b, s[i]);
	}
	buf_addc(&b, '\0');
	return b.data;
}

static void
found(struct walk *w, const char *path, bool named)
{
	struct look l;
	int err;

	if (excluded(w->g, path))
		return;
	err = look_path(path, &l);
	if (err)
		failed(w->out, err, path);
	else
		sights_add(w->out, path, &l, named);
}

static void
walk(struct walk *w, const char *dir, const char *rest, bool named)
{
	size_t n = strcspn(rest, "/");
	bool last = !rest[n], pattern = is_pattern(rest, n);
	struct names d = { 0 };
	char *part = pattern ? strndup(rest, n) : plain(rest, n), *path;
	int err;

	if ((pattern || last) && w->dir)
		w->dir(w->arg, dir);
	if (!pattern) {
		path = path_join(dir, part);
		if (last)
			found(w, path, named);
		else
			walk(w, path, rest + n + 1, named);
		free(path);
	} else if ((err = names_read(&d, dir)) < 0) {
		failed(w->out, err, dir);
	}
	for (size_t i = 0; i < d.n; i++) {
		if (fnmatch(part, d.at[i].name, FNM_PERIOD) != 0)
			continue;
		path = path_join(dir, d.at[i].name);
		if (last)
			found(w, path, false);
		else
			walk(w, path, rest + n + 1, false);
		free(path);
	}
	names_finish(&d);
	free(part);
}

static bool
later(const struct sight *a, const struct sight *b)
{
	return strcmp(a->path, b->path) > 0;
}

void
globs_find(const struct globs *g, struct sights *out,
    void (*dir)(void *arg, const char *path), void *arg)
{
	struct walk w = { g, out, dir, arg };
	size_t kept = 0;

	sights_clear(out);
	for (int i = 0; i < g->n; i++)
		walk(&w, "/", g->pattern[i] + 1, true);
	sort_if(out->at, out->n, later);
	for (size_t i = 0; i < out->n; i++) {	/* one that several patterns match is one */
		if (kept && strcmp(out->at[kept - 1].path, out->at[i].path) == 0) {
			out->at[kept - 1].named |= out->at[i].named;
			free(out->at[i].path);
		} else {
			out->at[kept++] = out->at[i];
		}
	}
	out->n = kept;
}
