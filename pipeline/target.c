/* target.c - the pipeline that a command is about; see target.h */
#include "target.h"

#include <unistd.h>

#include "command.h"
#include "operate.h"

static int
load(struct target *t)
{
	struct buf err = { 0 };
	const char *path = t->config ? t->config : TARGET_CONFIG;

	if (!t->config && access(path, R_OK) < 0) {
		command_say("which pipeline? name its configuration by -c FILE, or its state "
		    "directory by --state DIR");
		return 2;
	}
	t->c = config_load(path);
	if (config_errors(t->c, &err)) {
		command_say("%s cannot be read\n%.*s", path, (int)err.len - 1, buf_str(&err));
		buf_finish(&err);
		return 1;
	}
	t->dir = t->c->options.state;
	return 0;
}

int
target_find(struct target *t, bool need_state)
{
	int status = 0;

	t->dir = t->state;
	if (t->config || !t->state)
		status = load(t);
	if (t->state)
		t->dir = t->state;
	if (!status && need_state && !t->dir) {
		command_say("%s has no \"state\": without a state directory nothing can be asked "
		    "of it", t->c->path);
		status = 1;
	}
	return status;
}

void
target_finish(struct target *t)
{
	config_free(t->c);
}

struct answer { struct snapshot *s; int err; };

static bool
take_snapshot(const char *line, size_t len, void *arg)
{
	struct answer *a = arg;

	a->err = snapshot_parse(line, len, a->s);
	return false;
}

int
target_snapshot(const struct target *t, struct snapshot *s, struct buf *why)
{
	struct answer a = { s, -EPROTO };
	int err = control_ask(NULL, t->dir, "counts", take_snapshot, &a, why);

	if (!err && a.err) {
		buf_adds(why, "the running weft-pipeline is of another version");
		err = -EPROTO;
	}
	return err;
}
