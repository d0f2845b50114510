using System.CommandLine;
using KdPlugins.Host.Loading;

namespace KdPlugins.Host.Commands;

/// <summary>--trust and --trusted-keys: how far plugin folders are trusted.</summary>
internal sealed class TrustOptions
{
    private readonly Option<TrustLevel?> _trust = new("--trust")
    {
        Description =
            "Which plugins are loaded: open (all), locked (as plugins.lock.json records them), signed (by a trusted key). "
            + "Default: KD_TRUST, or open.",
        HelpName = "LEVEL",
    };

    private readonly Option<string?> _keys = new("--trusted-keys")
    {
        Description = "The folder of public keys (.pem) for --trust signed. Default: KD_TRUSTED_KEYS.",
        HelpName = "DIR",
    };

    /// <summary>Adds both to a command.</summary>
    internal static TrustOptions AddTo(Command command)
    {
        var options = new TrustOptions();
        command.Add(options._trust);
        command.Add(options._keys);
        return options;
    }

    /// <summary>What the environment says.</summary>
    internal static LoaderOptions FromEnvironment() =>
        new()
        {
            // A word that means nothing must not mean "open".
            Trust = Environment.GetEnvironmentVariable("KD_TRUST") is { Length: > 0 } text
                ? Enum.TryParse<TrustLevel>(text, ignoreCase: true, out var level) && Enum.IsDefined(level)
                    ? level
                    : throw new Torch.KdException(
                        CommandErrors.Usage,
                        $"KD_TRUST is '{text}', none of open, locked and signed."
                    )
                : TrustLevel.Open,
            TrustedKeys = Environment.GetEnvironmentVariable("KD_TRUSTED_KEYS") is { Length: > 0 } keys ? keys : null,
        };

    /// <summary>The level on the command line; null where it is not named.</summary>
    internal TrustLevel? Level(ParseResult parsed) => parsed.GetValue(_trust);

    /// <summary>The folder of keys on the command line; null where it is not named.</summary>
    internal string? Keys(ParseResult parsed) => parsed.GetValue(_keys);

    /// <summary>What the command line says, else the environment.</summary>
    internal LoaderOptions Read(ParseResult parsed)
    {
        var environment = FromEnvironment();
        return environment with
        {
            Trust = Level(parsed) ?? environment.Trust,
            TrustedKeys = Keys(parsed) ?? environment.TrustedKeys,
        };
    }
}
