using System.CommandLine;
using System.Runtime.ExceptionServices;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Students;

/// <summary>kd predict RUN|WEIGHTS|MODEL.onnx IMAGES.</summary>
internal static class PredictCommand
{
    internal static Command Make(Screen screen)
    {
        var options = new WeightOptions
        {
            What = new("RUN|WEIGHTS|MODEL")
            {
                Description = "A run's folder, a weight file, or a model that 'kd export' has written (.onnx).",
            },
        };
        var places = new Argument<string[]>("FOLDER|IMAGES")
        {
            Description = "Image files (JPEG, PNG, WebP, GIF, BMP), and folders with all images below them.",
            Arity = ArgumentArity.OneOrMore,
        };
        var csv = new Option<bool>("--csv") { Description = "Writes rows of CSV: path,rank,class,index,probability." };
        var top = Number("--top", 1, 1000, "K", "How many classes of an image, the most probable first.");
        var batch = Number("--batch", 64, 4096, "N", "Images that are computed at once.");
        var resize = new Option<string?>("--resize")
        {
            Description =
                "How images of other sizes are brought to the network's: crop takes the square in the middle, stretch everything. Default: as the training data were, else crop.",
        };
        resize.AcceptOnlyFromAmong("crop", "stretch");
        var command = new Command("predict", "Says what a network of a run, or an exported student, holds images for.")
        {
            places,
            csv,
            top,
            batch,
            resize,
        };
        options.AddTo(command);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(csv) && screen.Json)
                throw new KdException(CommandErrors.Usage, "--csv and --json are two forms of one output.");
            var paths = ImageList.Find(parsed.GetRequiredValue(places));
            StudentLibraries.Announce();
            var what = parsed.GetRequiredValue(options.What);
            var isModel = what.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase) && File.Exists(what);
            var size = parsed.GetValue(batch);
            var (workers, each) = BatchPredictor.Share(paths.Count, size, options.Threads(parsed));
            using var weights = isModel ? null : options.Open(parsed, screen);
            using IClassifier student = weights is null ? OnnxClassifier.Load(what, each) : Torch(weights);
            var card = parsed.GetValue(resize) is { } wanted ? student.Card with { Resize = wanted } : student.Card;
            var writer = new PredictionWriter(
                screen,
                parsed.GetValue(csv),
                parsed.GetValue(top),
                paths.Count,
                TimeProvider.System
            );
            try
            {
                Predict(new(student, card, size, workers), card.ClassNames, paths, writer);
            }
            catch (AggregateException e)
            {
                ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
            }
            return writer.Unreadable == 0 ? ExitCodes.Done : throw Unreadable(writer.Unreadable, paths.Count);
        });
        return command;
    }

    private static TorchClassifier Torch(OpenedWeights weights)
    {
        var network = weights.Network(null);
        try
        {
            return new(network);
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    private static void Predict(
        BatchPredictor predictor,
        IReadOnlyList<string> names,
        IReadOnlyList<string> paths,
        PredictionWriter writer
    )
    {
        writer.Begin();
        foreach (var batch in predictor.Answer(paths))
        {
            var at = 0;
            for (var i = 0; i < batch.Paths.Count; i++)
                if (batch.Problems[i].Length > 0)
                    writer.AddUnreadable(batch.Paths[i], batch.Problems[i]);
                else
                    writer.Add(batch.Paths[i], new(names, batch.Logits.AsSpan(at++ * names.Count, names.Count)));
            writer.EndBatch();
        }
        writer.End();
    }

    private static KdException Unreadable(int count, int total)
    {
        var error = new KdException(
            CommandErrors.ImagesUnreadable,
            $"{count} of {total} images could not be read and were passed over."
        );
        ExitCodes.Mark(error, ExitCodes.Damaged);
        return error;
    }

    private static Option<int> Number(string name, int usual, int most, string help, string description) =>
        new(name)
        {
            Description = $"{description} 1 to {most}, default {usual}.",
            HelpName = help,
            DefaultValueFactory = _ => usual,
            Validators =
            {
                result =>
                {
                    if (
                        result.Tokens is [var token]
                        && int.TryParse(token.Value, out var number)
                        && (number < 1 || number > most)
                    )
                        result.AddError($"{name} must be between 1 and {most}.");
                },
            },
        };
}
