using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Text;

/// <summary>How far two distributions over tokens are apart; p is the teacher's, q the student's.</summary>
public enum Divergence
{
    /// <summary>KL(p || q).</summary>
    ForwardKl,

    /// <summary>KL(q || p).</summary>
    ReverseKl,

    /// <summary>The divergence of Jensen and Shannon: KL(p || m) / 2 + KL(q || m) / 2, m = (p + q) / 2.</summary>
    Jsd,

    /// <summary>beta KL(p || m) + (1 - beta) KL(q || m), m = beta p + (1 - beta) q.</summary>
    GeneralisedJsd,

    /// <summary>KL(m || p) / 2 + KL(m || q) / 2, m = (p + q) / 2 + 5e-13: what the code of SKD calls JSD.</summary>
    MixtureKl,
}

/// <summary>Which of the logits of a text count.</summary>
public enum LossWindow
{
    /// <summary>Those that predict the response.</summary>
    Response,

    /// <summary>One place later, as the code of SKD has it: without those of its first token, with those of what comes after its last one.</summary>
    Shifted,
}

/// <summary>The options of <c>token-divergence</c>.</summary>
public sealed record TokenDivergenceOptions
{
    /// <summary>What is computed at each place.</summary>
    /// <value>
    /// <c>forward-kl</c>, <c>reverse-kl</c>, <c>jsd</c>, <c>generalised-jsd</c> or <c>mixture-kl</c>; default <c>forward-kl</c>.
    /// </value>
    public Divergence Divergence { get; init; } = Divergence.ForwardKl;

    /// <summary>The teacher's share of the mixture, of <c>generalised-jsd</c>.</summary>
    /// <value>Above 0, below 1; default 0.5.</value>
    [Range(0.0, 1.0, MinimumIsExclusive = true, MaximumIsExclusive = true)]
    public double Beta { get; init; } = 0.5;

    /// <summary>What both logits are divided by.</summary>
    /// <value>0.01 to 1000; default 1.</value>
    [Range(0.01, 1000.0)]
    public double Temperature { get; init; } = 1;

    /// <summary>Which logits count.</summary>
    /// <value><c>response</c> or <c>shifted</c>; default <c>response</c>.</value>
    public LossWindow Window { get; init; } = LossWindow.Response;
}
