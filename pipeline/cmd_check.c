/*
 * cmd_check.c - weft-pipeline check: would this configuration run, here and now?
 *
 * First the file: keys, types, expressions, patterns, tables.  Then the machine: can its files be
 * read and its directories be written, are its ports free, are its hosts known?  Nothing is
 * started, sent or changed.
 */
#include <getopt.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "config.h"
#include "config_impl.h"
#include "source.h"
#include "weft/net.h"

static const char help[] =
"usage: weft-pipeline check [-n] [-q] -c CONFIG\n"
"\n"
"Reads the configuration as run would, and says everything that is wrong with it:\n"
"keys, types, expressions, patterns, tables.  Then looks around: files that cannot be\n"
"read, directories that cannot be written, ports that are taken, hosts that are not\n"
"known.  Nothing is started or sent.  At the end it sums up what would run.\n"
"\n"
"    -c, --config FILE   the configuration\n"
"    -n, --no-look       only the file; do not look at this machine\n"
"    -q, --quiet         do not sum up\n"
"\n"
"Exit status 1 when something is wrong; remarks (\"note:\") do not count.\n"
"\n"
"example:\n"
"    weft-pipeline check -c /etc/weft-pipeline.yaml && systemctl reload weft-pipeline\n";

struct look {
	struct config	*c;
	struct complaints wrong, notes;
};

/* The path up to its first placeholder, or its directory: what must be there before. */
static void
fixed_part(const char *path, struct buf *dir)
{
	size_t n = strcspn(path, "%{"), slash = n;

	while (slash > 0 && path[slash - 1] != '/')
		slash--;
	dir->len = 0;
	buf_add(dir, path, slash > 1 ? slash - 1 : slash);
	if (!slash)
		buf_adds(dir, ".");
	buf_str(dir);
}

/* The nearest directory above that is there. */
static void
existing(struct buf *dir)
{
	while (access(dir->data, F_OK) < 0 && errno == ENOENT) {
		char *slash = strrchr(dir->data, '/');

		dir->len = !slash ? 0 : slash > dir->data ? slash - dir->data : 1;
		if (!slash)
			buf_adds(dir, ".");
		buf_str(dir);
	}
}

/* Things can be made in it, or it can be made. */
static void
look_directory(struct look *l, struct spot at, struct buf *dir)
{
	struct stat st;

	existing(dir);
	if (stat(dir->data, &st) == 0 && !S_ISDIR(st.st_mode))
		complain(&l->wrong, at, "%s is not a directory", dir->data);
	else if (access(dir->data, W_OK | X_OK) < 0)
		complain(&l->wrong, at, "cannot write in %s: %s", dir->data, strerror(errno));
}

static void
look_writable(struct look *l, struct spot at, const char *path)
{
	struct buf dir = { 0 };
	struct stat st;

	if (!strpbrk(path, "%{") && stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			complain(&l->wrong, at, "%s is a directory", path);
		else if (access(path, W_OK) < 0)
			complain(&l->wrong, at, "cannot write %s: %s", path, strerror(errno));
		return;
	}
	fixed_part(path, &dir);
	look_directory(l, at, &dir);
	buf_finish(&dir);
}

static void
look_state(struct look *l)
{
	const char *state = l->c->options.state;
	struct spot at = { 0 };
	struct buf dir = { 0 };

	if (!state) {
		complain(&l->notes, at, "there is no \"state\": after a restart files are read "
		    "from their beginning, and what was in flight is lost");
		return;
	}
	at = yaml_get(l->c->doc.root, "state")->at;
	buf_adds(&dir, state);
	buf_str(&dir);
	look_directory(l, at, &dir);
	buf_finish(&dir);
}

static void
look_pattern(struct look *l, struct spot at, const char *pattern)
{
	glob_t g;
	int err;

	weft_enter_blocking();
	err = glob(pattern, GLOB_NOSORT, NULL, &g);
	weft_leave_blocking();
	if (err == GLOB_NOMATCH)
		complain(&l->notes, at, "no file matches %s now", pattern);
	else if (err)
		complain(&l->wrong, at, "cannot read the directory of %s", pattern);
	for (size_t i = 0; !err && i < g.gl_pathc; i++)
		if (access(g.gl_pathv[i], R_OK) < 0)
			complain(&l->wrong, at, "cannot read %s: %s", g.gl_pathv[i],
			    strerror(errno));
	if (!err)
		globfree(&g);
}

/* A unix socket may be that of one that runs: only its directory is looked at. */
static void
look_listen(struct look *l, struct spot at, const struct config_source *s, const char *addr)
{
	struct weft_source_options o = s->o;
	struct syslog_sockets *sockets = NULL;
	struct buf err = { 0 }, dir = { 0 };

	if (strncmp(addr, "unix", 4) == 0 && strchr(addr, ':')) {
		const char *path = strchr(addr, ':') + 1;

		fixed_part(path, &dir);
		if (*path != '@' && access(dir.data, W_OK | X_OK) < 0)
			complain(&l->wrong, at, "cannot write in %s: %s", dir.data,
			    strerror(errno));
		buf_finish(&dir);
		return;
	}
	o.listen = addr;
	if (source_syslog_listen(&o, &sockets, &err))
		complain(&l->wrong, at, "%s", buf_str(&err));
	else
		source_syslog_close(sockets);
	buf_finish(&err);
}

static void
look_source(struct look *l, const struct config_source *s)
{
	for (int i = 0; i < s->file.n; i++)
		look_pattern(l, config_place(&s->item, "file"), s->file.item[i]);
	for (int i = 0; i < s->syslog.n; i++)
		look_listen(l, config_place(&s->item, "syslog"), s, s->syslog.item[i]);
}

/* "https://user@[::1]:80/x" or "tls://host:601": the host; false: there is none to look up. */
static bool
host_of(const char *url, struct buf *host)
{
	const char *p = strstr(url, "://"), *end, *at;

	if (!p)
		return false;
	p += 3;
	end = p + strcspn(p, "/?#");
	at = memchr(p, '@', end - p);
	p = at ? at + 1 : p;
	if (*p == '[')
		end = memchr(p, ']', end - p) ? (char *)memchr(p, ']', end - p) + 1 : end;
	else
		end = memchr(p, ':', end - p) ? memchr(p, ':', end - p) : end;
	buf_add(host, p, end - p);
	return end > p;
}

/* Connecting a datagram socket asks for the name and sends nothing. */
static void
look_host(struct look *l, struct spot at, const char *url)
{
	struct buf host = { 0 }, addr = { 0 };
	weft_conn *conn;
	int err;

	if (host_of(url, &host)) {
		buf_printf(&addr, "udp://%s:9", buf_str(&host));
		err = weft_dial(NULL, buf_str(&addr), &conn);
		if (!err)
			weft_conn_close(conn);
		else if (err == -EAGAIN)
			complain(&l->notes, at, "nobody could tell now whether there is a host %s",
			    host.data);
		else if (err == -EHOSTUNREACH || err == -EINVAL)
			complain(&l->wrong, at, "there is no host %s", host.data);
	}
	buf_finish(&host);
	buf_finish(&addr);
}

static void
look_output(struct look *l, const struct config_output *o)
{
	if (o->item.kind == OUTPUT_FILE)
		look_writable(l, config_place(&o->item, "file"), o->file.path);
	if (o->item.kind == OUTPUT_SYSLOG)
		look_host(l, config_place(&o->item, "syslog"), o->syslog.address);
	if (o->item.kind == OUTPUT_HTTP)
		look_host(l, config_place(&o->item, "http"), o->http.url);
}

static void
look_metrics(struct look *l)
{
	struct buf addr = { 0 };
	weft_listener *sock;
	int err;

	if (!l->c->listen)
		return;
	buf_printf(&addr, "%s%s%s", strstr(l->c->listen, "://") ? "" : "tcp://",
	    l->c->listen[0] == ':' ? "[::]" : "", l->c->listen);
	err = weft_listen(NULL, buf_str(&addr), &sock);
	if (err)
		complain(&l->wrong, yaml_get(l->c->doc.root, "listen")->at,
		    "cannot listen at %s: %s", l->c->listen, strerror(-err));
	else
		weft_listener_close(sock);
	buf_finish(&addr);
}

/* The names of what there is: "sources  app (file), edge (syslog)". */
static void
list(struct buf *out, const char *what, const void *items, int n, size_t size,
    const char *const *kinds)
{
	buf_printf(out, "    %-8s ", what);
	for (int i = 0; i < n; i++) {
		const struct config_item *one = (const void *)((const char *)items + i * size);

		buf_printf(out, "%s%s (%s)", i ? ", " : "", one->name,
		    kinds[__builtin_ctz(one->kind)]);
	}
	buf_adds(out, n ? "\n" : "none\n");
}

static void
sum_up(const struct config *c, struct buf *out)
{
	static const char *const sources[] = { "file", "syslog", "stdin" };
	static const char *const steps[] = {
		"where", "sample", "limit", "dedup", "redact", "set", "table", "geoip", "rdns"
	};
	static const char *const outputs[] = { "stdout", "file", "syslog", "http" };

	buf_printf(out, "%s is good\n", c->path);
	list(out, "sources", c->sources, c->nsources, sizeof(*c->sources), sources);
	list(out, "steps", c->steps, c->nsteps, sizeof(*c->steps), steps);
	list(out, "outputs", c->outputs, c->noutputs, sizeof(*c->outputs), outputs);
	if (c->errors)
		buf_printf(out, "    errors   go to %s\n", c->errors);
	if (c->ntests)
		buf_printf(out, "    tests    %d; weft-pipeline test -c %s runs %s\n", c->ntests,
		    c->path, c->ntests == 1 ? "it" : "them");
}

/* Notes go to standard error at once; true: something is wrong. */
static bool
look_around(struct config *c)
{
	struct buf name = { 0 }, text = { 0 };
	struct look l = { .c = c, .wrong.file = c->path };
	bool wrong;

	buf_printf(&name, "note: %s", c->path);
	l.notes.file = buf_str(&name);
	look_state(&l);
	look_metrics(&l);
	for (int i = 0; i < c->nsources; i++)
		look_source(&l, &c->sources[i]);
	for (int i = 0; i < c->noutputs; i++)
		look_output(&l, &c->outputs[i]);
	wrong = l.wrong.n;
	complaints_text(&l.wrong, &text);
	complaints_text(&l.notes, &text);
	dprintf(STDERR_FILENO, "%s", buf_str(&text));
	complaints_finish(&l.wrong);
	complaints_finish(&l.notes);
	buf_finish(&text);
	buf_finish(&name);
	return wrong;
}

static int
check(const char *path, bool look, bool quiet)
{
	struct config *c = config_load(path);
	struct buf text = { 0 };
	weft_pipeline *p;
	int status = config_build(c, &p, &text) ? 1 : 0;

	if (status)
		dprintf(STDERR_FILENO, "%s", buf_str(&text));
	else if (look)
		status = look_around(c);
	text.len = 0;
	sum_up(c, &text);
	if (!status && !quiet)
		status = command_print("%s", buf_str(&text));
	weft_pipeline_free(p);
	config_free(c);
	buf_finish(&text);
	return status;
}

int
cmd_check(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", 1, NULL, 'c' }, { "no-look", 0, NULL, 'n' },
		{ "quiet", 0, NULL, 'q' }, { "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	const char *path = NULL;
	bool look = true, quiet = false;
	int c;

	while ((c = getopt_long(argc, argv, ":c:nqh", options, NULL)) != -1)
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 'n':
			look = false;
			break;
		case 'q':
			quiet = true;
			break;
		case 'h':
			return command_print("%s", help);
		default:
			return command_bad_option(c, argv);
		}
	if (!path && optind < argc)
		path = argv[optind++];
	if (optind < argc)
		return command_misuse("one configuration at a time; what is", argv[optind]);
	if (!path) {
		command_say("no configuration: name one by -c FILE");
		return 2;
	}
	return check(path, look, quiet);
}
