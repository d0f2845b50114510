using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.Text;

/// <summary>The options of <c>addition</c>.</summary>
public sealed record AdditionOptions : IValidatableObject
{
    /// <summary>Digits of each number, at most.</summary>
    /// <value>1 to 4; default 2.</value>
    [Range(1, 4)]
    public int Digits { get; init; } = 2;

    /// <summary>Sums of the split <c>train</c>.</summary>
    /// <value>1 to 1,000,000, together with <see cref="Test"/> no more than there are; default 5000.</value>
    [Range(1, 1_000_000)]
    public int Train { get; init; } = 5000;

    /// <summary>Sums of the split <c>test</c>: others than those of <c>train</c>.</summary>
    /// <value>1 to 1,000,000; default 1000.</value>
    [Range(1, 1_000_000)]
    public int Test { get; init; } = 1000;

    /// <summary>Whether the sum's last digit is written first, as it is reckoned; small networks learn that sooner.</summary>
    /// <value>Default false.</value>
    public bool Reversed { get; init; }

    /// <summary>Another seed divides the sums otherwise into splits.</summary>
    /// <value>Default 1.</value>
    public long Seed { get; init; } = 1;

    internal long Numbers => (long)Math.Pow(10, Digits);

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if ((long)Train + Test > Numbers * Numbers)
            yield return new(
                $"asks with \"test\" for {(long)Train + Test} sums, and there are {Numbers * Numbers}",
                [nameof(Train)]
            );
    }
}

/// <summary>
/// Sums written as text, <c>37+58=</c> to be answered with <c>95$</c>, computed from a seed: for trials and tests of language models without
/// any download.
/// </summary>
[KdDataset("addition", Description = "Sums of whole numbers written as text; prompts with their answers, computed")]
public sealed class AdditionPlugin : DatasetPlugin<AdditionOptions>
{
    // Raise it when the same options no longer give the same texts: fingerprints have to tell.
    private const string Generation = "addition/1";
    private static readonly CharacterTokenizer Tokens = new("0123456789+=".EnumerateRunes(), "$");

    /// <inheritdoc/>
    public override IDataset Open(string baseFolder)
    {
        var options = Options;
        var all = options.Numbers * options.Numbers;
        var order = new SeededPermutation(new RandomKey((ulong)options.Seed).Derive("addition").Value, all);
        IDataSource Split(string name, long first, long count) =>
            new TokenSource(count, i => Row(options, order[first + i]), $"split '{name}' of data set 'addition'");
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"{Generation};{options.Digits};{options.Train};{options.Test};{options.Reversed};{options.Seed}"
        );
        return new TextDataset(
            Asker,
            TokenRows.Info(Tokens),
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))),
            new Dictionary<string, IDataSource>
            {
                ["train"] = Split("train", 0, options.Train),
                ["test"] = Split("test", options.Train, options.Test),
            }
        );
    }

    private static TokenRow Row(AdditionOptions options, long number)
    {
        var (a, b) = (number / options.Numbers, number % options.Numbers);
        var sum = (a + b).ToString(CultureInfo.InvariantCulture);
        var answer = Tokens.Encode(options.Reversed ? string.Concat(sum.Reverse()) : sum);
        var prompt = Tokens.Encode(string.Create(CultureInfo.InvariantCulture, $"{a}+{b}="));
        return new([.. prompt, .. answer, Tokens.EndToken], prompt.Length);
    }
}
