using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;

// A process of its own for tests: `hold FOLDER` holds a run until it is killed; `save FOLDER` saves one checkpoint after
// another until it is killed. Both say "ready" once they hold the run. `answers FOLDER` writes rows of answers until it is killed.
if (args[0] == "answers")
    AnswerWriter.Run(args[1]);
NativeRuntime.Start();
using RunFolder run = RunFolder.Open(args[1]);
using EventLog log = EventLog.Open(run);
Console.WriteLine("ready");
if (args[0] == "hold")
{
    Thread.Sleep(Timeout.Infinite);
}
var none = new Dictionary<string, string>();
var identity = new RunIdentity(run.RecipeSha256, none, none, none, "test", "test");
for (long step = 1; ; step++)
{
    using DisposeScope scope = torch.NewDisposeScope();
    var content = new CheckpointContent(new RunPosition("stage", 0, step, step, "steps"));
    content.Sections["student"] = new Dictionary<string, torch.Tensor>
    {
        ["weight"] = torch.full([64, 1024], (double)step, dtype: torch.ScalarType.Float32),
    };
    content.Counters["step"] = step;
    log.Append("step", "stage", step, new Dictionary<string, double> { ["loss"] = 1.0 / step });
    Checkpoint.Save(run, content, identity, new KeepPolicy(2));
}
