#include <stdlib.h>
#include <fcntl.h>
#include <unistd.h>
#include "stage.h"
int source_file_check(const struct weft_source_options *o, struct buf *err){(void)o;(void)err;return 0;}
void source_file_run(weft_ctx *ctx, struct intake *in, const struct weft_source_options *o)
{
	const struct known_file *k = in->known(in);
	struct file_id id = { 1, 2, 3, 4, 5 };
	int fd = open(o->file, O_RDONLY);
	struct stream *st = in->open(in, o->file, k->row ? k : NULL, &id);
	uint64_t at = k->row ? k->at.offset : 0;
	uint64_t cut = 0;
	struct batch *b;
	while (!weft_err(ctx) && (b = in->get(in, st, in->batch))) {
		ssize_t n = pread(fd, b->bytes.data, in->batch, at);
		if (n <= 0) { batch_unref(b); break; }
		b->bytes.len = n;
		size_t took = split_lines(b, NULL, NULL, (size_t)n < in->batch, MAX_LINE, &cut);
		b->bytes.len = took; memset(b->bytes.data + took, '\n', BATCH_PAD);
		b->from = at; b->to = at + took; at += took;
		in->submit(in, st, b);
	}
	in->close(in, st, false, false);
	close(fd);
}
