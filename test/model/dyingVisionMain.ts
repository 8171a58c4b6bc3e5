// A vision child that kills itself: after its first piece of text, or while it loads onto a GPU that it pretends to have.

// FATHOM_TEST_VISION_DIES says when; without it this is an ordinary vision child.
const dieAt = process.env.FATHOM_TEST_VISION_DIES;

if (dieAt !== undefined) {
  let gpu: string | undefined;
  process.on("message", (request: { gpu: string }) => {
    gpu = request.gpu;
  });
  const send = process.send!.bind(process) as (message: unknown, ...rest: unknown[]) => boolean;
  const sendAndDie = (message: unknown) =>
    send(message, undefined, undefined, () => process.kill(process.pid, "SIGKILL"));
  process.send = (message: { kind: string }, ...rest: unknown[]) => {
    if (dieAt === "chunk" && message.kind === "chunk") return sendAndDie(message);
    if (dieAt === "gpu" && message.kind === "loading" && gpu === "auto")
      return sendAndDie({ ...message, device: "gpu" });
    return send(message, ...rest);
  };
}

await import("../../engine/src/visionMain.ts");

export {};
