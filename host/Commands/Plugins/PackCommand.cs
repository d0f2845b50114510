using System.CommandLine;
using System.Security.Cryptography;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Packages;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Host.Commands.Plugins;

/// <summary>kd plugins pack FOLDER.</summary>
internal static class PackCommand
{
    internal static Command Make(Screen screen)
    {
        var folder = new Argument<string>("FOLDER") { Description = "A plugin's folder: its build output." };
        var output = new Option<string?>("--output", "-o")
        {
            Description = "The package's file. Default: <id>-<version>.kdplugin here.",
            HelpName = "FILE",
        };
        var command = new Command("pack", "Makes a .kdplugin package of a plugin's folder.") { folder, output };
        command.SetAction(parsed =>
        {
            var (bytes, manifest) = PackageWriter.Pack(parsed.GetRequiredValue(folder), new LoaderOptions());
            var name = $"{manifest.Id}-{manifest.Version}{PackageFile.Ending}";
            // The id is the author's text: it names a file here, and nothing else.
            var file = Path.GetFullPath(parsed.GetValue(output) ?? name.Replace('/', '-').Replace('\\', '-'));
            AtomicFile.Write(file, stream => stream.Write(bytes));
            var hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
            screen.Tell(
                () =>
                    new()
                    {
                        ["event"] = "packed",
                        ["file"] = file,
                        ["id"] = manifest.Id,
                        ["version"] = manifest.Version!.ToString(),
                        ["files"] = manifest.Files.Count,
                        ["bytes"] = bytes.Length,
                        ["sha256"] = hash,
                    },
                () => $"{file}: {manifest.Files.Count} files, {bytes.Length} bytes, SHA-256 {hash}."
            );
            return ExitCodes.Done;
        });
        return command;
    }
}
