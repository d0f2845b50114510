namespace KdPlugins;

/// <summary>A class and how probable a student holds it to be.</summary>
/// <param name="Index">From 0 on.</param>
/// <param name="Name">Its name in the data set; the index as text where it had none.</param>
/// <param name="Probability">0 to 1; those of all classes sum to 1.</param>
public sealed record ClassScore(int Index, string Name, float Probability);

/// <summary>What a student says of an image.</summary>
public sealed class Prediction
{
    private readonly IReadOnlyList<string> _names;
    private readonly float[] _probabilities;

    internal Prediction(IReadOnlyList<string> names, ReadOnlySpan<float> logits)
    {
        (_names, _probabilities) = (names, new float[logits.Length]);
        Logits = logits.ToArray();
        var most = double.NegativeInfinity;
        foreach (var logit in logits)
            most = Math.Max(most, logit);
        var sum = 0.0;
        foreach (var logit in logits)
            sum += Math.Exp(logit - most);
        for (var i = 0; i < logits.Length; i++)
            _probabilities[i] = (float)(Math.Exp(logits[i] - most) / sum);
        Best = Top(1)[0];
    }

    /// <summary>The most probable class; of equals the first.</summary>
    public ClassScore Best { get; }

    /// <summary>Every class's probability, by index.</summary>
    public IReadOnlyList<float> Probabilities => _probabilities;

    /// <summary>The network's raw answers, by class index.</summary>
    public IReadOnlyList<float> Logits { get; }

    /// <summary>The most probable classes, the best first.</summary>
    /// <param name="count">At least 1; more than there are classes gives all of them.</param>
    public IReadOnlyList<ClassScore> Top(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return
        [
            .. Enumerable
                .Range(0, _probabilities.Length)
                .OrderByDescending(i => Logits[i])
                .Take(count)
                .Select(i => new ClassScore(i, _names[i], _probabilities[i])),
        ];
    }
}
