using System.CommandLine;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Commands.Results;
using KdPlugins.Torch;
using KdPlugins.Torch.Onnx;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Host.Commands.Students;

/// <summary>kd export RUN|WEIGHTS.</summary>
internal static class ExportCommand
{
    internal static Command Make(Screen screen)
    {
        var options = new WeightOptions();
        var format = new Option<string>("--format")
        {
            Description = "What is written.",
            DefaultValueFactory = _ => "onnx",
        };
        format.AcceptOnlyFromAmong("onnx");
        var output = new Option<string?>("--out")
        {
            Description = "The file. Default: beside the weights, with the ending .onnx.",
            HelpName = "FILE",
        };
        var size = new Option<string?>("--size")
        {
            Description = "Pixels of the images' sides, or HEIGHTxWIDTH. Default: as trained.",
            HelpName = "N",
        };
        var preprocessing = new Option<bool>("--with-preprocessing")
        {
            Description =
                "The graph takes uint8 images [batch, height, width, channels] (NHWC) of any size, and resizes and normalises them itself.",
        };
        var command = new Command("export", "Writes a network of a run, or of a weight file, as an ONNX model.")
        {
            format,
            output,
            size,
            preprocessing,
        };
        options.AddTo(command);
        command.SetAction(parsed =>
        {
            var wanted = ImageSize.Parse(parsed.GetValue(size));
            using var weights = options.Open(parsed, screen);
            StudentLibraries.Announce();
            using var network = weights.Network(wanted);
            var prepares = parsed.GetValue(preprocessing);
            var model = OnnxExport.Make(network, prepares);
            var difference = OnnxCheck.Require(model, network, prepares, screen.Warn);
            var file = AtomicFile.Write(
                parsed.GetValue(output) ?? Path.ChangeExtension(weights.Path, ".onnx"),
                stream => stream.Write(model)
            );
            Tell(screen, file, network, prepares, difference);
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Tell(Screen screen, WrittenFile file, RecordedNetwork network, bool prepares, double difference)
    {
        var (channels, height, width) = (network.Input[0], network.Input[1], network.Input[2]);
        var input = prepares
            ? $"uint8 [batch, height, width, {channels}]"
            : $"float32 [batch, {channels}, {height}, {width}]";
        screen.Tell(
            () =>
                new()
                {
                    ["event"] = "export",
                    ["file"] = file.Path,
                    ["bytes"] = file.Length,
                    ["sha256"] = file.Sha256,
                    ["format"] = "onnx",
                    ["opset"] = OnnxGraph.Opset,
                    ["input"] = input,
                    ["networkInput"] = new JsonArray(channels, height, width),
                    ["classes"] = network.Network.Shape.Classes,
                    ["difference"] = difference,
                    ["tolerance"] = OnnxCheck.Tolerance,
                },
            () =>
                $"{file.Path}: {file.Length} bytes, takes {input}; ONNX Runtime's answers are within {difference:0.#e+0} of libtorch's"
        );
    }
}
