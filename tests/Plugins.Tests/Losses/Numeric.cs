namespace KdPlugins.Plugins.Tests.Losses;

/// <summary>Slow and obvious forms of what the losses compute.</summary>
internal static class Numeric
{
    public static double[] Softmax(double[] logits, double temperature)
    {
        var top = logits.Max();
        var raised = logits.Select(z => Math.Exp((z - top) / temperature)).ToArray();
        return raised.Select(e => e / raised.Sum()).ToArray();
    }

    public static double Kl(double[] student, double[] teacher, double temperature)
    {
        var (q, p) = (Softmax(student, temperature), Softmax(teacher, temperature));
        var sum = 0.0;
        for (var c = 0; c < p.Length; c++)
            sum += p[c] * Math.Log(p[c] / q[c]);
        return sum * temperature * temperature;
    }
}
