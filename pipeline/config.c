/*
 * config.c - a configuration as a whole; see config.h
 *
 * First everything is read, each map by its schema; then names are looked up, for they may
 * stand before what they name; then config_build asks those who know about expressions,
 * patterns and files.  What is bad is left out and all else is looked at nevertheless.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_impl.h"
#include "weft/net.h"

static const struct choice orders[] = { { "stream", false }, { "none", true }, { NULL, 0 } };

static void
read_order(struct reading *r, const struct yaml *y, void *out)
{
	struct config *c = out;
	int unordered = 0;

	schema_choice(r, y, "order", orders, &unordered);
	c->options.unordered = unordered;
}

#define AT(f) .at = offsetof(struct config, f)
static const struct key budget_keys[] = {
	{ "memory", KEY_SIZE, AT(memory) },
	{ "disk", KEY_SIZE, AT(options.disk) },
	{ .name = NULL }
};
static const struct schema budget = { "\"budget\"", NULL, budget_keys };

static const struct key keys[] = {
	{ "state", KEY_TEXT, AT(options.state), .path = PATH_FILE },
	{ "budget", KEY_OBJECT, .sub = &budget },
	{ "workers", KEY_INTEGER, AT(workers), .min = 0, .max = 10000 },
	{ "order", KEY_OTHER, .read = read_order },
	{ "drain", KEY_DURATION, AT(options.drain) },
	{ "checkpoint", KEY_DURATION, AT(options.checkpoint) },
	{ "host", KEY_TEXT, AT(options.host) },
	{ "listen", KEY_TEXT, AT(listen) },
	{ "sources", KEY_OTHER, .read = config_read_sources },
	{ "steps", KEY_OTHER, .read = config_read_steps },
	{ "outputs", KEY_OTHER, .read = config_read_outputs },
	{ "errors", KEY_TEXT, AT(errors) },
	{ "tests", KEY_OTHER, .read = config_read_tests },
	{ .name = NULL }
};
static const struct schema schema = { "the configuration", NULL, keys };

int
config_count(const struct config *c)
{
	return c->complaints.n + c->complaints.more;
}

/* Names go into metrics, lists and messages, so they are plain. */
static bool
good_name(const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789_.-");

	return n && !name[n] && n <= 64;
}

void *
config_items(struct reading *r, const struct yaml *y, const char *key, const struct schema *s,
    size_t size, int *n)
{
	char *items, what[80];

	*n = 0;
	if (y->kind != YAML_MAP && !y->empty) {
		complain(r->complaints, y->at, "\"%s\" must be a map of names, such as "
		    "{ name: { ... } }, not %s", key, yaml_what(y, what));
		return NULL;
	}
	items = reading_own(r, xcalloc(y->n + 1, size));
	for (; *n < y->n; ++*n) {
		struct config_item *i = (struct config_item *)(items + *n * size);
		int before = r->complaints->n + r->complaints->more;

		i->name = y->key[*n]->text;
		i->yaml = y->item[*n];
		if (!good_name(i->name))
			complain(r->complaints, y->key[*n]->at, "the name %s must be up to 64 "
			    "letters, digits, _ . or -", yaml_what(y->key[*n], what));
		i->kind = schema_read(r, i->yaml, s, i);
		i->bad = r->complaints->n + r->complaints->more != before;
	}
	return items;
}

struct spot
config_place(const struct config_item *i, const char *key)
{
	const struct yaml *value = key ? yaml_get(i->yaml, key) : NULL;

	return value ? value->at : i->yaml->at;
}

/* An item by its name: each array's items begin with a struct config_item. */
static void *
find(const void *items, int n, size_t size, const char *name)
{
	for (int i = 0; i < n; i++) {
		const struct config_item *one = (const void *)((const char *)items + i * size);

		if (strcmp(one->name, name) == 0)
			return (void *)one;
	}
	return NULL;
}

struct config_source *
config_source(const struct config *c, const char *name)
{
	return find(c->sources, c->nsources, sizeof(*c->sources), name);
}

struct config_step *
config_step(const struct config *c, const char *name)
{
	return find(c->steps, c->nsteps, sizeof(*c->steps), name);
}

struct config_output *
config_output(const struct config *c, const char *name)
{
	return find(c->outputs, c->noutputs, sizeof(*c->outputs), name);
}

static const char *
source_name(const void *c, int i)
{
	return i < ((const struct config *)c)->nsources ?
	    ((const struct config *)c)->sources[i].item.name : NULL;
}

static const char *
step_name(const void *c, int i)
{
	return i < ((const struct config *)c)->nsteps ?
	    ((const struct config *)c)->steps[i].item.name : NULL;
}

static const char *
output_name(const void *c, int i)
{
	return i < ((const struct config *)c)->noutputs ?
	    ((const struct config *)c)->outputs[i].item.name : NULL;
}

static void
no_such(struct config *c, struct spot at, const char *what, const char *name,
    const char *(*names)(const void *, int))
{
	const char *near = meant(name, names, c);

	complain(&c->complaints, at, "there is no %s \"%s\"%s%s%s", what, name,
	    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

void
config_no_source(struct config *c, struct spot at, const char *name)
{
	no_such(c, at, "source", name, source_name);
}

void
config_no_step(struct config *c, struct spot at, const char *name)
{
	no_such(c, at, "step", name, step_name);
}

void
config_no_output(struct config *c, struct spot at, const char *name)
{
	no_such(c, at, "output", name, output_name);
}

static void
check(struct config *c)
{
	const struct yaml *root = c->doc.root;
	struct spot top = { 1, 1 };

	c->options.memory = c->memory;
	c->options.workers = c->workers;
	if (!yaml_get(root, "sources") || yaml_get(root, "sources")->empty)
		complain(&c->complaints, top, "there are no \"sources\": nothing would be read");
	if (!yaml_get(root, "outputs") || yaml_get(root, "outputs")->empty)
		complain(&c->complaints, top, "there are no \"outputs\": nothing would be "
		    "delivered");
	config_check_sources(c);
	config_check_outputs(c);
	config_check_tests(c);
}

static struct config *
config_new(const char *path)
{
	struct config *c = xcalloc(1, sizeof(*c));
	const char *slash = strrchr(path, '/');

	c->path = xstrdup(path);
	c->dir = xstrdup(path);
	c->dir[slash ? slash + 1 - path : 0] = '\0';
	c->complaints.file = c->path;
	c->reading = (struct reading){ .complaints = &c->complaints, .dir = c->dir };
	return c;
}

static void
parse(struct config *c, const char *text, size_t len)
{
	struct yaml *root;

	yaml_parse(&c->doc, text, len, &c->complaints);
	root = c->doc.root;
	if (root && !root->empty)
		schema_read(&c->reading, root, &schema, c);
	else if (!config_count(c))
		complain(&c->complaints, (struct spot){ 1, 1 },
		    "it is empty; it needs \"sources\" and \"outputs\"");
	if (root && root->kind == YAML_MAP)
		check(c);
}

struct config *
config_parse(const char *path, const char *text, size_t len)
{
	struct config *c = config_new(path);

	parse(c, text, len);
	return c;
}

/* All of the file, but no more than is too much for yaml_parse. */
static int
read_all(const char *path, struct buf *out)
{
	int fd, err = 0;
	struct stat st;
	ssize_t n = 1;

	weft_enter_blocking();
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err = -errno;
	else if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		err = -EISDIR;
	while (!err && n > 0 && out->len <= YAML_SIZE) {
		buf_grow(out, 65536);
		n = read(fd, out->data + out->len, 65536);
		if (n < 0)
			err = -errno;
		else
			out->len += n;
	}
	if (fd >= 0)
		close(fd);
	weft_leave_blocking();
	return err;
}

struct config *
config_load(const char *path)
{
	struct config *c = config_new(path);
	struct buf text = { 0 };
	int err = read_all(path, &text);

	if (err)
		complain(&c->complaints, (struct spot){ 0 }, "cannot read it: %s",
		    strerror(-err));
	else
		parse(c, text.data, text.len);
	buf_finish(&text);
	return c;
}

void
config_free(struct config *c)
{
	if (!c)
		return;
	reading_finish(&c->reading);
	yaml_finish(&c->doc);
	complaints_finish(&c->complaints);
	free(c->dir);
	free(c->path);
	free(c);
}

bool
config_errors(struct config *c, struct buf *err)
{
	complaints_text(&c->complaints, err);
	return c->complaints.n > 0;
}
