using System.CommandLine;
using System.Text;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Manifest;
using KdPlugins.Host.Loading.Packages;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Host.Commands.Plugins;

/// <summary>kd plugins sign and keygen.</summary>
internal static class SignCommand
{
    internal static Command Make(Screen screen)
    {
        var package = new Argument<string>("PACKAGE") { Description = "The .kdplugin file; it is signed in place." };
        var key = new Option<string>("--key")
        {
            Description = "The private key's file (PEM, P-256).",
            HelpName = "FILE",
            Required = true,
        };
        var command = new Command("sign", "Signs a package, for --trust signed.") { package, key };
        command.SetAction(parsed =>
        {
            var file = Path.GetFullPath(parsed.GetRequiredValue(package));
            var signed = PackageWriter.Sign(file, parsed.GetRequiredValue(key), new LoaderOptions());
            AtomicFile.Write(file, stream => stream.Write(signed));
            screen.Tell(() => new() { ["event"] = "signed", ["file"] = file }, () => $"{file} is signed.");
            return ExitCodes.Done;
        });
        return command;
    }

    internal static Command MakeKeys(Screen screen)
    {
        var name = new Argument<string>("NAME") { Description = "The files are NAME.key.pem and NAME.pub.pem." };
        var command = new Command("keygen", "Makes a pair of keys to sign packages with.") { name };
        command.SetAction(parsed =>
        {
            var path = Path.GetFullPath(parsed.GetRequiredValue(name));
            var (secret, open) = ($"{path}.key.pem", $"{path}.pub.pem");
            var keys = PluginSignature.NewKeys();
            WriteNew(secret, keys.Private, isSecret: true);
            WriteNew(open, keys.Public, isSecret: false);
            screen.Tell(
                () =>
                    new()
                    {
                        ["event"] = "keys",
                        ["private"] = secret,
                        ["public"] = open,
                    },
                () => $"Keep {secret} to yourself; put {open} into the folder of trusted keys."
            );
            return ExitCodes.Done;
        });
        return command;
    }

    // Never over a key that is there, and a secret readable by nobody else from its first byte on.
    private static void WriteNew(string path, string text, bool isSecret)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (isSecret && !OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            using var stream = new FileStream(path, options);
            stream.Write(Encoding.ASCII.GetBytes(text));
        }
        catch (IOException e)
        {
            throw new KdException(CommandErrors.FileUnreadable, e.Message, "Name files that do not exist yet.", e);
        }
    }
}
