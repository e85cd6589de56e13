/*
 * cmd_ledger.c - weft-pipeline ledger: the account of every line, and does it balance?
 *
 * Of the process that runs, else of the state directory, which is right after kill -9, too.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "operate.h"
#include "target.h"

static const char help[] =
"usage: weft-pipeline ledger [-c CONFIG | -s DIR] [-a] [--json]\n"
"\n"
"Prints, for every source and output, what has become of the lines that were read,\n"
"since the state directory was made:\n"
"\n"
"    read = delivered + filtered + dead + dropped + in flight\n"
"\n"
"In flight is what waits in memory or in the disk queue.  "
"\"Dropped\" adds up what sample,\n"
"limit and dedup steps and full queues have dropped; --json has each by itself.  The\n"
"rows come from the process that runs, else from the state directory; there, after a\n"
"crash, what was in memory is in no row: it will be read again.\n"
"\n"
TARGET_HELP
"    -a, --all           also rows in which nothing has happened\n"
"    -j, --json          a JSON object a line\n"
"\n"
"Exit status: 0 every row balances; 1 one does not, or nothing could be read; 2 wrong\n"
"usage.\n"
"\n"
"examples:\n"
"    weft-pipeline ledger -c /etc/weft-pipeline.yaml\n"
"    weft-pipeline ledger -s /var/lib/weft-pipeline --json | jq 'select(.dead > 0)'\n";

struct ledger {
	struct target	 target;
	bool		 all, json;
	struct snapshot	 snap;		/* of the process; empty: none runs */
	struct weft_ledger_row *rows;
	int		 n;
};

static int
read_ledger(struct ledger *l)
{
	struct buf why = { 0 };
	char text[512];
	int err = target_snapshot(&l->target, &l->snap, &why);

	if (!err) {
		l->n = l->snap.count[SNAP_LEDGER];
		l->rows = xcalloc(l->n + 1, sizeof(*l->rows));
		snapshot_ledger(&l->snap, l->rows);
	} else {
		if (err != -ENOENT)
			command_say("%s; reading the state directory", buf_str(&why));
		l->n = weft_ledger_read(l->target.dir, &l->rows, text, sizeof(text));
		if (l->n < 0)
			command_say("%s", text);
	}
	buf_finish(&why);
	return l->n < 0;
}

static void
add_verdict(const struct weft_ledger_row *r, struct buf *out)
{
	uint64_t sum = r->delivered + r->filtered + r->dead + r->sampled + r->limited +
	    r->repeated + r->full + r->spilled + r->in_flight;

	if (r->balanced)
		return;
	buf_printf(out, "%s to %s does not balance: %" PRIu64 " lines were read, and ", r->source,
	    r->output, r->read);
	if (sum != r->read)
		buf_printf(out, "%" PRIu64 " are accounted for\n", sum);
	else
		buf_adds(out, "their numbers say that there were others\n");
}

static int
print_table(const struct ledger *l)
{
	size_t size = 4096 + (size_t)l->n * 512;
	char *text = xmalloc(size);
	struct buf out = { 0 };
	int status;

	weft_ledger_print(l->rows, l->n, l->all, text, size);
	buf_adds(&out, text);
	for (int i = 0; i < l->n; i++)
		add_verdict(&l->rows[i], &out);
	if (l->snap.count[SNAP_PROCESS])
		buf_printf(&out, "as of now, from process %" PRIu64 "\n",
		    l->snap.rows[SNAP_PROCESS]->n[PROCESS_PID]);
	else
		buf_printf(&out, "as of the last checkpoint, from %s; no process runs\n",
		    l->target.dir);
	status = command_print("%s", buf_str(&out));
	buf_finish(&out);
	free(text);
	return status;
}

static int
print_json(const struct ledger *l)
{
	struct buf out = { 0 };
	int status;

	for (int i = 0; i < l->n; i++)
		ledger_json(&l->rows[i], &out);
	status = command_print("%s", buf_str(&out));
	buf_finish(&out);
	return status;
}

static int
show(struct ledger *l)
{
	int status = read_ledger(l);

	if (!status)
		status = l->json ? print_json(l) : print_table(l);
	for (int i = 0; i < l->n; i++)
		status |= !l->rows[i].balanced;
	free(l->rows);
	snapshot_finish(&l->snap);
	return status;
}

int
cmd_ledger(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", 1, NULL, 'c' }, { "state", 1, NULL, 's' }, { "all", 0, NULL, 'a' },
		{ "json", 0, NULL, 'j' }, { "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	struct ledger l = { 0 };
	int c, status;

	while ((c = getopt_long(argc, argv, ":c:s:ajh", options, NULL)) != -1)
		switch (c) {
		case 'c':
			l.target.config = optarg;
			break;
		case 's':
			l.target.state = optarg;
			break;
		case 'a':
			l.all = true;
			break;
		case 'j':
			l.json = true;
			break;
		case 'h':
			return command_print("%s", help);
		default:
			return command_bad_option(c, argv);
		}
	if (optind < argc)
		return command_misuse("ledger takes options only, not", argv[optind]);
	status = target_find(&l.target, true);
	if (!status)
		status = show(&l);
	target_finish(&l.target);
	return status;
}
