namespace KdPlugins.SelectiveFd.Tests;

/// <summary>What modes say of options that a recipe leaves out.</summary>
public sealed class SettingsTests
{
    [Theory]
    [InlineData(Mode.Selective, ClientSelector.DensityRatio, 0.75, Sharing.Probabilities, 0, true)]
    [InlineData(Mode.Indiscriminate, ClientSelector.None, 1, Sharing.Probabilities, 0, true)]
    [InlineData(Mode.FedMd, ClientSelector.None, 1, Sharing.Probabilities, 50, true)]
    [InlineData(Mode.FedDf, ClientSelector.None, 1, Sharing.Logits, 0, true)]
    [InlineData(Mode.Local, ClientSelector.None, 1, Sharing.Probabilities, 0, false)]
    public void A_mode_says_what_options_are(
        Mode mode,
        ClientSelector selector,
        double maxEntropy,
        Sharing sharing,
        long warmUp,
        bool exchanges
    )
    {
        var settings = Settings.Of(new() { Mode = mode });
        Assert.Equal(selector, settings.Selector);
        Assert.Equal(maxEntropy, settings.MaxEntropy);
        Assert.Equal(sharing, settings.Sharing);
        Assert.Equal(warmUp, settings.WarmUp);
        Assert.Equal(exchanges, settings.Exchanges);
        Assert.Equal(mode == Mode.Selective, settings.Estimates);
    }

    [Fact]
    public void What_a_recipe_says_counts_in_every_mode()
    {
        var settings = Settings.Of(
            new()
            {
                Mode = Mode.FedMd,
                ClientSelector = ClientSelector.Random,
                MaxEntropy = 0.5,
                Sharing = Sharing.Labels,
                WarmUpSteps = 3,
            }
        );
        Assert.Equal(ClientSelector.Random, settings.Selector);
        Assert.Equal(0.5, settings.MaxEntropy);
        Assert.Equal(Sharing.Labels, settings.Sharing);
        Assert.Equal(3, settings.WarmUp);
        Assert.True(settings.Estimates);
    }
}
