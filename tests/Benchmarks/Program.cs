using BenchmarkDotNet.Running;
using KdPlugins.Benchmarks.Operators;
using KdPlugins.Benchmarks.Overhead;
using KdPlugins.Benchmarks.Recipes;
using KdPlugins.Benchmarks.Replaying;
using KdPlugins.Benchmarks.RidgeStep;
using KdPlugins.Benchmarks.Service;
using KdPlugins.Benchmarks.Step;
using KdPlugins.Benchmarks.Students;
using KdPlugins.Benchmarks.Texts;
using KdPlugins.Torch;

// The package for applications starts no libtorch, and its first answer is measured without.
if (args.FirstOrDefault() == "first-answer")
    return PredictRateCommand.First(args[1..]);
NativeRuntime.Start();
switch (args.FirstOrDefault())
{
    case "step":
        return StepCommand.Run(StepOptions.Parse(args[1..]));
    case "overhead":
        return OverheadCommand.Run(StepOptions.Parse(args[1..]));
    case "teacher-cache":
        return TeacherCacheCommand.Run(StepOptions.Parse(args[1..]));
    case "held-run":
        return HeldRun.Run(args[1..]);
    case "recipes":
        return RecipesCommand.Run(RecipesOptions.Parse(args[1..]));
    case "listing":
        return ListingCommand.Run(args[1..]);
    case "streams":
        return StreamsCommand.Run(StepOptions.Parse(args[1..]));
    case "soak":
        return SoakCommand.Run(args[1..]);
    case "read-streams":
        return StreamReaders.Run(args[1..]);
    case "kernels":
        KernelTable.Print(StepOptions.Parse(args[1..]));
        return 0;
    case "ridge":
        return RidgeCommand.Run(args[1..]);
    case "predict":
        return PredictRateCommand.Run(args[1..]);
    case "texts":
        return TextsCommand.Run(args[1..]);
    case "operators":
        BenchmarkSwitcher.FromTypes([typeof(SmallOperators)]).Run(args[1..]);
        return 0;
    default:
        Console.Error.WriteLine(
            "usage: step [--rounds 8] [--seconds 4] [--threads 2] [--variants a,b] [--python] [--profile]\n"
                + "       overhead [--rounds 8] [--seconds 4] [--threads 2]\n"
                + "       teacher-cache [--rounds 8] [--seconds 4] [--threads 2]\n"
                + "       recipes A.json B.json ... [--rounds 8] [--seconds 4] [--threads 1] [--set PATH=VALUE] [--wall]\n"
                + "       listing [--runs 10000]\n"
                + "       streams [--rounds 8] [--seconds 4] [--threads 2]\n"
                + "       soak [--minutes 30]\n"
                + "       kernels [--threads 2] [--rounds 8]\n"
                + "       ridge [--images 250] [--batch 256] [--rounds 3] [--threads 1]\n"
                + "       predict MODEL.onnx FOLDER [--run RUN] [--rounds 6] [--threads 2]\n"
                + "       texts [--layers 2] [--width 192] [--rows 8] [--tokens 256] [--rounds 3] [--threads 1]\n"
                + "       operators [BenchmarkDotNet's arguments]"
        );
        return 2;
}
