/*
 * The log pipeline as a library: a file is read to its end, a step of our own looks at every
 * line, an output of our own gets what is left, and the account says what became of all.
 * The step runs in several goroutines at once, the output in one.
 */
#include <errno.h>
#include <pipeline/pipeline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Health checks are noise; a price must not be negative; and all get a region. */
static enum weft_verdict look(weft_entry *e, void *arg)
{
	const char *text;
	size_t len;

	if (weft_entry_get(e, "path", &text, &len) && len == 7 && memcmp(text, "/health", 7) == 0)
		return WEFT_DROP;
	if (weft_entry_get(e, "price", &text, &len) && text[0] == '-') {
		weft_entry_reason(e, "a negative price");
		return WEFT_DEAD;
	}
	weft_entry_set(e, "region", arg, strlen(arg));
	return WEFT_KEEP;
}

/* All of them, or a negative errno: then they come again. */
static int show(weft_ctx *ctx, const char *records, size_t len, void *arg)
{
	(void)ctx;
	return fwrite(records, 1, len, arg) == len ? 0 : -EIO;
}

int weft_main(int argc, char **argv)
{
	static const char log[] = "{\"path\":\"/health\"}\n{\"path\":\"/buy\",\"price\":3}\n"
	    "{\"path\":\"/buy\",\"price\":-1}\n";
	char path[] = "/tmp/pipeline.XXXXXX";
	struct weft_ledger_row row;
	int fd = mkstemp(path), err = write(fd, log, sizeof(log) - 1) < 0;
	weft_pipeline *p = weft_pipeline_new(&(struct weft_pipeline_options){ .host = "here" });

	(void)argc, (void)argv;
	weft_pipeline_source(p, "shop", &(struct weft_source_options){
	    .file = path, .once = true });
	weft_pipeline_step(p, "look", look, "eu");
	weft_pipeline_output(p, "screen", &(struct weft_output_options){
	    .call = show, .arg = stdout, .format = WEFT_OUTPUT_LOGFMT });
	err |= weft_pipeline_run(NULL, p);
	weft_pipeline_ledger(p, &row, 1);
	printf("%d read = %d delivered + %d filtered + %d dead\n", (int)row.read,
	    (int)row.delivered, (int)row.filtered, (int)row.dead);
	weft_pipeline_free(p);
	unlink(path);
	return err;
}
