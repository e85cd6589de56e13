/*
 * config_output.c - the outputs: part of a configuration
 *
 *	outputs:
 *	  screen: { stdout: pretty }
 *	  disk:   { file: "/data/%Y%m%d/app.log", rotate: { size: 256MB, keep: 14 } }
 *	  fwd:    { syslog: "tcp://loghost:601", when_full: spill }
 *	  es:     { http: "https://es:9200/_bulk", shape: elasticsearch, index: logs }
 */
#include <stdlib.h>
#include <strings.h>

#include "config_impl.h"
#include "units.h"

static const struct choice formats[] = {
	{ "auto", WEFT_OUTPUT_AUTO }, { "json", WEFT_OUTPUT_JSON },
	{ "logfmt", WEFT_OUTPUT_LOGFMT }, { "text", WEFT_OUTPUT_TEXT },
	{ "pretty", WEFT_OUTPUT_PRETTY }, { "raw", WEFT_OUTPUT_RAW },
	{ "syslog", WEFT_OUTPUT_SYSLOG }, { "syslog_bsd", WEFT_OUTPUT_SYSLOG_BSD }, { NULL, 0 }
};
static const struct choice when_full[] = {
	{ "block", WEFT_BLOCK }, { "drop_newest", WEFT_DROP_NEWEST },
	{ "drop_oldest", WEFT_DROP_OLDEST }, { "spill", WEFT_SPILL }, { NULL, 0 }
};
static const struct choice shapes[] = {
	{ "array", WEFT_HTTP_ARRAY }, { "lines", WEFT_HTTP_LINES },
	{ "elasticsearch", WEFT_HTTP_ELASTICSEARCH }, { "loki", WEFT_HTTP_LOKI }, { NULL, 0 }
};
static const struct choice compressions[] = {
	{ "none", 0 }, { "gzip", 1 }, { "zstd", 2 }, { NULL, 0 }
};

static void
read_stdout(struct reading *r, const struct yaml *y, void *out)
{
	struct config_output *o = out;

	if (!y->empty && !(y->kind == YAML_MAP && y->n == 0))
		schema_choice(r, y, "stdout", formats, &o->o.format);
}

static void
read_compress(struct reading *r, const struct yaml *y, void *out)
{
	struct config_output *o = out;
	int i = 0;

	schema_choice(r, y, "compress", compressions, &i);
	o->file.compress = compressions[i].name;
}

/* always, never, or a duration. */
static void
read_fsync(struct reading *r, const struct yaml *y, void *out)
{
	struct config_output *o = out;
	const char *text = y->kind == YAML_TEXT ? schema_text(r, y, "fsync") : NULL;
	char what[80];

	if (text && strcmp(text, "never") == 0)
		o->file.fsync = -1;
	else if (text && strcmp(text, "always") == 0)
		o->file.fsync = 1;
	else if (y->kind != YAML_TEXT || (text && unit_duration(text, &o->file.fsync)))
		complain(r->complaints, y->at, "\"fsync\" must be a duration, such as 1s, or "
		    "always or never, not %s", yaml_what(y, what));
	else if (text && o->file.fsync == 0)
		o->file.fsync = 1;
}

/* As chmod has them. */
static void
read_mode(struct reading *r, const struct yaml *y, void *out)
{
	struct config_output *o = out;
	const char *text = schema_text(r, y, "mode");
	char what[80];

	if (!text)
		return;
	if (strspn(text, "01234567") != strlen(text) || strlen(text) < 3 || strlen(text) > 4)
		complain(r->complaints, y->at, "\"mode\" must be three or four octal digits, "
		    "such as 0640, not %s", yaml_what(y, what));
	else
		o->file.mode = strtoul(text, NULL, 8);
}

#define AT(f) .at = offsetof(struct config_output, f)
static const struct key rotate_keys[] = {
	{ "size", KEY_SIZE, AT(file.rotate_size) },
	{ "every", KEY_DURATION, AT(file.rotate_every) },
	{ "keep", KEY_INTEGER, AT(keep), .min = 0, .max = 100000 },
	{ .name = NULL }
};
static const struct schema rotate = { "\"rotate\"", NULL, rotate_keys };

static const struct key keys[] = {
	{ "stdout", KEY_OTHER, .read = read_stdout, .kind = OUTPUT_STDOUT },
	{ "file", KEY_TEXT, AT(file.path), .path = PATH_FILE, .kind = OUTPUT_FILE },
	{ "syslog", KEY_TEXT, AT(syslog.address), .path = PATH_ADDRESS, .kind = OUTPUT_SYSLOG },
	{ "http", KEY_TEXT, AT(http.url), .kind = OUTPUT_HTTP },
	{ "format", KEY_CHOICE, AT(o.format), .choices = formats },
	{ "where", KEY_TEXT, AT(o.where) },
	{ "from", KEY_TEXTS, AT(from) },
	{ "when_full", KEY_CHOICE, AT(o.when_full), .choices = when_full },
	{ "queue", KEY_SIZE, AT(queue) },
	{ "replace", KEY_BOOL, AT(file.replace), .only = OUTPUT_FILE },
	{ "rotate", KEY_OBJECT, .sub = &rotate, .only = OUTPUT_FILE },
	{ "compress", KEY_OTHER, .read = read_compress, .only = OUTPUT_FILE },
	{ "compress_rotated", KEY_BOOL, AT(file.compress_rotated), .only = OUTPUT_FILE },
	{ "fsync", KEY_OTHER, .read = read_fsync, .only = OUTPUT_FILE },
	{ "mode", KEY_OTHER, .read = read_mode, .only = OUTPUT_FILE },
	{ "octets", KEY_BOOL, AT(syslog.octets), .only = OUTPUT_SYSLOG },
	{ "cert", KEY_TEXT, AT(cert), .path = PATH_FILE, .only = OUTPUT_SYSLOG },
	{ "key", KEY_TEXT, AT(key), .path = PATH_FILE, .only = OUTPUT_SYSLOG },
	{ "ca", KEY_TEXT, AT(ca), .path = PATH_FILE, .only = OUTPUT_SYSLOG | OUTPUT_HTTP },
	{ "insecure", KEY_BOOL, AT(insecure), .only = OUTPUT_SYSLOG | OUTPUT_HTTP },
	{ "timeout", KEY_DURATION, AT(timeout), .only = OUTPUT_SYSLOG | OUTPUT_HTTP },
	{ "shape", KEY_CHOICE, AT(http.shape), .choices = shapes, .only = OUTPUT_HTTP },
	{ "index", KEY_TEXT, AT(http.index), .only = OUTPUT_HTTP },
	{ "labels", KEY_PAIRS, AT(labels), .only = OUTPUT_HTTP },
	{ "headers", KEY_PAIRS, AT(headers), .only = OUTPUT_HTTP },
	{ "user", KEY_TEXT, AT(http.user), .only = OUTPUT_HTTP },
	{ "gzip", KEY_BOOL, AT(http.gzip), .only = OUTPUT_HTTP },
	{ .name = NULL }
};
static const struct schema schema = { "an output", "stdout, file, syslog or http", keys };

/* "name: value" and the like, as the pipeline wants them. */
static const char *const *
join(struct reading *r, const struct pairs *p, const char *between)
{
	const char **list;

	if (!p->n)
		return NULL;
	list = reading_own(r, xcalloc(p->n + 1, sizeof(*list)));
	for (int i = 0; i < p->n; i++) {
		struct buf one = { 0 };

		buf_printf(&one, "%s%s%s", p->name[i], between, p->value[i]);
		buf_str(&one);
		list[i] = reading_own(r, one.data);
	}
	return list;
}

void
config_read_outputs(struct reading *r, const struct yaml *y, void *out)
{
	struct config *c = out;

	c->outputs = config_items(r, y, "outputs", &schema, sizeof(*c->outputs), &c->noutputs);
	for (int i = 0; i < c->noutputs; i++) {
		struct config_output *o = &c->outputs[i];

		o->file.keep = o->keep;
		o->o.queue = o->queue;
		o->syslog.ca = o->http.ca = o->ca;
		o->syslog.cert = o->cert;
		o->syslog.key = o->key;
		o->syslog.timeout = o->http.timeout = o->timeout;
		o->syslog.insecure = o->http.insecure = o->insecure;
		o->http.labels = join(r, &o->labels, "=");
		o->http.headers = join(r, &o->headers, ": ");
	}
}

static void
check_shape(struct config *c, struct config_output *o)
{
	static const struct { const char *key; int shape; const char *text; } only[] = {
		{ "index", WEFT_HTTP_ELASTICSEARCH, "elasticsearch" },
		{ "labels", WEFT_HTTP_LOKI, "loki" },
	};

	if (o->item.kind != OUTPUT_HTTP)
		return;
	for (int i = 0; i < 2; i++)
		if (yaml_get(o->item.yaml, only[i].key) && o->http.shape != only[i].shape)
			complain(&c->complaints, config_place(&o->item, only[i].key),
			    "\"%s\" goes with the shape %s only", only[i].key, only[i].text);
}

/* The dead letters' file takes no part in anything else. */
static void
check_dead(struct config *c, struct config_output *o)
{
	static const char *const no[] = { "where", "from", "format", "when_full" };

	o->o.dead = true;
	if (o->item.kind && o->item.kind != OUTPUT_FILE)
		complain(&c->complaints, config_place(&o->item, NULL),
		    "the output \"%s\" gets the dead letters, so it must be a file", c->errors);
	for (int i = 0; i < 4; i++)
		if (yaml_get(o->item.yaml, no[i]))
			complain(&c->complaints, config_place(&o->item, no[i]),
			    "\"%s\" has no meaning here: the output \"%s\" gets all dead "
			    "letters and nothing else", no[i], c->errors);
}

/* It would be refused at the start, when it is locked; but that is late for a reload. */
static void
check_path(struct config *c, struct config_output *o)
{
	for (struct config_output *p = c->outputs; o->file.path && p < o; p++)
		if (p->file.path && strcmp(p->file.path, o->file.path) == 0)
			complain(&c->complaints, config_place(&o->item, "file"),
			    "the output \"%s\" writes to %s, too; give each a file of its own",
			    p->item.name, o->file.path);
}

static void
check_output(struct config *c, struct config_output *o)
{
	int before = config_count(c);

	for (int i = 0; i < o->from.n; i++)
		if (!config_source(c, o->from.item[i]))
			config_no_source(c, config_place(&o->item, "from"), o->from.item[i]);
	check_shape(c, o);
	check_path(c, o);
	if (c->errors && strcmp(c->errors, o->item.name) == 0)
		check_dead(c, o);
	o->item.bad |= config_count(c) != before;
}

void
config_check_outputs(struct config *c)
{
	for (int i = 0; i < c->noutputs; i++)
		check_output(c, &c->outputs[i]);
	if (c->errors && !config_output(c, c->errors))
		config_no_output(c, yaml_get(c->doc.root, "errors")->at, c->errors);
}
