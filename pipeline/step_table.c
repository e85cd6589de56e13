/*
 * step_table.c - table: the row of a CSV file that a line's value names becomes fields
 *
 * The file is read once, when the step is made, and kept as it is: rows are arrays of pointers
 * into it, and fields point there too.  Empty values become no field.  A key that the table
 * does not have is no failure: the line goes on as it is.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "csv.h"
#include "step_impl.h"
#include "suggest.h"
#include "weft/net.h"

struct column {
	struct step_name name;
	bool		 key;		/* what lines name: it becomes no field */
};
struct row { const char *p; size_t len; };	/* as many as there are columns */

struct table {
	struct step	 step;
	struct ref	*ref;
	char		*text;		/* the file */
	struct column	*columns;
	int		 ncolumns;
	struct map	 rows;		/* by key, to struct row[ncolumns] */
};

static void
add_row(struct table *t, struct batch *b, struct line *l, const struct row *row)
{
	for (int i = 0; i < t->ncolumns; i++)
		if (!t->columns[i].key && row[i].len)
			step_add(&t->step, b, l, &t->columns[i].name, row[i].p, row[i].len);
}

static void
one(struct step *s, struct pass *p, struct line *l)
{
	struct table *t = (struct table *)s;
	struct map_entry *e;
	struct text key;

	if (!ref_text(t->ref, p->b, l, scratch_room(p->sc), &key))
		return;
	e = map_find(&t->rows, key.p, key.len, map_hash(key.p, key.len));
	if (e)
		add_row(t, p->b, l, e->value);
}

static void
run(struct step *s, struct scratch *sc, struct batch *b)
{
	step_each(s, sc, b, one, NULL);
}

static void
finish(struct step *s)
{
	struct table *t = (struct table *)s;

	for (struct map_entry *e = NULL; (e = map_next(&t->rows, e)); )
		free(e->value);
	map_finish(&t->rows);
	for (int i = 0; i < t->ncolumns; i++)
		step_name_finish(&t->columns[i].name);
	free(t->columns);
	free(t->text);
	ref_free(t->ref);
	free(t);
}

static int
read_all(int fd, char **out, size_t *len)
{
	struct stat st;
	size_t n = 0;
	ssize_t got;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	*out = xmalloc(st.st_size + 1);
	do {
		got = read(fd, *out + n, st.st_size - n);
		if (got < 0)
			return -errno;
		n += got;
	} while (got > 0);
	*len = n;
	return 0;
}

static bool
read_file(const char *path, char **text, size_t *len, struct buf *err)
{
	int fd, error;

	weft_enter_blocking();
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	error = fd < 0 ? -errno : read_all(fd, text, len);
	if (fd >= 0)
		close(fd);
	weft_leave_blocking();
	if (error)
		buf_printf(err, "cannot read %s: %s", path, error == -EINVAL ?
		    "it is no file" : strerror(-error));
	return error == 0;
}

static void
explain_column(const struct csv *c, const char *path, const char *column, struct buf *err)
{
	buf_printf(err, "%s has no column %s: its first line names", path, column);
	for (size_t i = 0; i < c->n; i++)
		buf_printf(err, "%s %.*s", i ? "," : "", (int)c->values[i].len, c->values[i].p);
}

/* The first record names the columns; which one is the key, or -1. */
static int
read_header(struct table *t, struct csv *c, const char *path, const char *column,
    const char *prefix, struct buf *err)
{
	int key = -1;

	t->columns = xcalloc(c->n, sizeof(*t->columns));
	for (size_t i = 0; i < c->n; i++) {
		char *name = text_dup(c->values[i].p, c->values[i].len);
		struct column *col = &t->columns[t->ncolumns++];
		struct buf why = { 0 };

		if (strcmp(name, column) == 0 && key < 0) {
			col->key = true;
			key = i;
		}
		if (!step_name_init(&col->name, prefix, name, &why))
			buf_printf(err, "%s, line 1, column %zu: %s", path, i + 1, buf_str(&why));
		buf_finish(&why);
		free(name);
		if (err->len)
			return -1;
	}
	if (key < 0)
		explain_column(c, path, column, err);
	return key;
}

static bool
read_row(struct table *t, const struct csv *c, int key, struct buf *err)
{
	const struct csv_value *k = &c->values[key];
	struct map_entry *e;
	struct row *row;
	bool added;

	if (c->n != (size_t)t->ncolumns) {
		buf_printf(err, "line %d has %zu values, and line 1 has %d", c->line, c->n,
		    t->ncolumns);
		return false;
	}
	e = map_insert(&t->rows, k->p, k->len, map_hash(k->p, k->len), &added);
	if (!added) {
		buf_printf(err, "line %d: there is a line for \"%.*s\" already", c->line,
		    (int)k->len, k->p);
		return false;
	}
	row = xcalloc(c->n, sizeof(*row));
	for (size_t i = 0; i < c->n; i++)
		row[i] = (struct row){ c->values[i].p, c->values[i].len };
	e->value = row;
	return true;
}

static bool
read_table(struct table *t, const char *path, size_t len, const char *column,
    const char *prefix, struct buf *err)
{
	struct buf why = { 0 };
	struct csv c;
	int key, more;

	csv_init(&c, t->text, len);
	more = csv_next(&c, &why);
	if (more == 0)
		buf_adds(&why, "it is empty, and its first line must name the columns");
	key = more > 0 ? read_header(t, &c, path, column, prefix, err) : -1;
	while (key >= 0 && (more = csv_next(&c, &why)) > 0)
		if (!read_row(t, &c, key, &why))
			break;
	if (why.len)
		buf_printf(err, "%s: %s", path, buf_str(&why));
	buf_finish(&why);
	csv_finish(&c);
	return err->len == 0;
}

struct step *
step_table(const char *csv, const char *column, const char *ref, const char *prefix,
    struct buf *err)
{
	struct table *t = xcalloc(1, sizeof(*t));
	struct buf why = { 0 };
	size_t len = 0;
	bool good;

	t->step = (struct step){ .kind = "table", .run = run, .free = finish };
	t->step.wants.fields = true;
	t->ref = ref_new(ref, &t->step.wants, &why);
	good = t->ref && read_file(csv, &t->text, &len, &why) &&
	    read_table(t, csv, len, column, prefix, &why);
	if (!good)
		buf_add(err, why.data, why.len);
	buf_finish(&why);
	if (good)
		return &t->step;
	finish(&t->step);
	return NULL;
}
